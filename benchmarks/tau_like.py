"""Recordings of the size, the level and the weight of the real data set's, made up.

Sound: quiet noise of a falling spectrum with a few events, as 48 kHz stereo WAV of 24 bit.
Video: a camera that pans over a texture, things that cross the picture, and grain, as
1280x720 H.264 at 30 frames a second and about 6 Mbit/s.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
import soundfile

EVENTS = 6
THINGS = 4
GRAIN = 4.0  # standard deviation of 255 levels
LEVEL_DBFS = -45.0


class Clip(NamedTuple):
    """A clip's two files."""

    sound: Path
    video: Path


class Format(NamedTuple):
    """What the files of a clip are like; the defaults are the real data set's."""

    duration_s: float = 10.0
    sample_rate_hz: int = 48_000
    frame_rate_fps: int = 30
    width: int = 1280
    height: int = 720
    bit_rate: int = 6_000_000


def make_clips(folder: Path, count: int, *, distinct: int, form: Format) -> list[Clip]:
    """Write clips into a folder; all beyond the first `distinct` are copies of these."""
    folder.mkdir(parents=True)
    clips = [
        Clip(folder / f"{number:04}.wav", folder / f"{number:04}.mp4") for number in range(count)
    ]
    for number, clip in enumerate(clips):
        if number < distinct:
            rng = np.random.default_rng(number)
            sound = make_sound(rng, form).T
            soundfile.write(clip.sound, sound, form.sample_rate_hz, subtype="PCM_24")
            write_video(clip.video, moving_pictures(rng, form), form)
        else:
            for copied, path in zip(clips[number % distinct], clip, strict=True):
                shutil.copyfile(copied, path)
    return clips


def make_sound(rng: np.random.Generator, form: Format) -> np.ndarray:
    """Return a waveform, shape (2, samples)."""
    samples = round(form.duration_s * form.sample_rate_hz)
    spectrum = np.fft.rfft(rng.standard_normal((3, samples)))
    freqs_hz = np.fft.rfftfreq(samples, 1 / form.sample_rate_hz)
    spectrum /= np.sqrt(np.maximum(freqs_hz, 50)) * (1 + (freqs_hz / 15_000) ** 8)
    shared, left, right = np.fft.irfft(spectrum, samples)
    sound = np.stack([shared + left, shared + right])
    sound *= 10 ** (LEVEL_DBFS / 20) / sound.std()
    seconds = np.arange(samples) / form.sample_rate_hz
    for start_s in rng.uniform(0, form.duration_s, EVENTS):
        since_s = np.maximum(seconds - start_s, 0)
        tone = np.sin(2 * np.pi * rng.uniform(200, 6000) * since_s) * np.exp(-since_s / 0.2)
        sound += 0.02 * rng.random((2, 1)) * tone
    return sound


def moving_pictures(rng: np.random.Generator, form: Format) -> Iterator[np.ndarray]:
    """Yield RGB pictures, shape (height, width, 3), uint8."""
    height, width = form.height, form.width
    place = texture(rng, 2 * height, 2 * width)
    things = [texture(rng, height // 4, width // 8) for _ in range(THINGS)]
    speeds = rng.uniform(0.1, 0.4, THINGS) * rng.choice([-1, 1], THINGS)
    grain = rng.normal(0, GRAIN, (height + 64, width + 64, 3)).astype(np.int16)
    for number in range(round(form.duration_s * form.frame_rate_fps)):
        time_s = number / form.frame_rate_fps
        at = np.array([width, height]) * (0.5 + 0.3 * np.sin([0.5 * time_s, 0.3 * time_s + 1]))
        shift = np.float32([[1, 0, -at[0]], [0, 1, -at[1]]])
        picture = cv2.warpAffine(place, shift, (width, height))
        for row, (thing, speed) in enumerate(zip(things, speeds, strict=True)):
            x = round((speed * time_s % 1) * (width - thing.shape[1]))
            y = row * height // THINGS
            picture[y : y + thing.shape[0], x : x + thing.shape[1]] = thing
        down, right = rng.integers(0, 64, 2)
        noise = grain[down : down + height, right : right + width]
        yield cv2.add(picture, noise, dtype=cv2.CV_8U)


def texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return an RGB picture with detail at every scale, shape (height, width, 3), uint8."""
    picture = np.full((height, width, 3), 128, np.float32)
    for cells in (2, 4, 8, 16, 32, 64, 128, 256):
        coarse = rng.standard_normal((cells, cells, 3)).astype(np.float32)
        picture += 100 / cells**0.6 * cv2.resize(coarse, (width, height))
    return np.clip(picture, 0, 255).astype(np.uint8)


def write_video(path: Path, pictures: Iterator[np.ndarray], form: Format) -> None:
    """Encode pictures as cameras do, with frames that refer to later ones."""
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast"}
        stream = container.add_stream("libx264", rate=form.frame_rate_fps, options=options)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, "yuv420p"
        stream.bit_rate = form.bit_rate
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
