"""The same features in plain calls of the libraries, one file at a time: what to beat.

Each feature loads its recording by itself, each channel is transformed by itself, video is
read frame by frame, and a feature is one .npy file, as a script for one paper would have it.
The numbers are the project's, so that the results can be compared.
"""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import librosa
import numpy as np
from gammatone.fftweight import fft_gtgram

from avsc_kedro.options import FeaturesOptions


def save_features(kinds: tuple[str, ...], sound: Path, video: Path, folder: Path, options) -> None:
    """Write the features of one clip, one file a kind."""
    for kind in kinds:
        features = FEATURES[kind](video if kind == "rgb" else sound, options)
        np.save(folder / f"{sound.stem}-{kind}.npy", features)


def mel(path: Path, options: FeaturesOptions) -> np.ndarray:
    stft, bands, rate = options.stft, options.mel, options.audio.sample_rate_hz
    channels, _ = librosa.load(path, sr=rate, mono=False)
    powers = [
        librosa.feature.melspectrogram(
            y=channel,
            sr=rate,
            n_fft=stft.n_fft,
            win_length=stft.window_length,
            hop_length=stft.hop_length,
            center=False,
            n_mels=bands.bands,
            fmin=bands.fmin_hz,
            fmax=bands.fmax_hz,
        )
        for channel in channels
    ]
    return decibels(np.stack(powers, axis=-1), options)


def gam(path: Path, options: FeaturesOptions) -> np.ndarray:
    """Of twice the transform length, as the package chooses it."""
    stft, bands, rate = options.stft, options.gam, options.audio.sample_rate_hz
    channels, _ = librosa.load(path, sr=rate, mono=False)
    magnitudes = [
        fft_gtgram(
            channel,
            rate,
            stft.window_length / rate,
            stft.hop_length / rate,
            bands.bands,
            bands.fmin_hz,
        )
        for channel in channels
    ]
    return decibels(np.square(np.stack(magnitudes, axis=-1)), options)


def cqt(path: Path, options: FeaturesOptions) -> np.ndarray:
    stft, bins, rate = options.stft, options.cqt, options.audio.sample_rate_hz
    channels, _ = librosa.load(path, sr=rate, mono=False)
    coefficients = [
        librosa.cqt(
            channel,
            sr=rate,
            hop_length=stft.hop_length,
            fmin=bins.fmin_hz,
            n_bins=bins.bands,
            bins_per_octave=bins.bins_per_octave,
            sparsity=0,
        )
        for channel in channels
    ]
    first = stft.n_fft // 2 // stft.hop_length
    kept = slice(first, first + options.spectrogram_frames)
    return decibels(np.abs(np.stack(coefficients, axis=-1)[:, kept]) ** 2, options)


def decibels(power: np.ndarray, options: FeaturesOptions) -> np.ndarray:
    return (10 * np.log10(np.maximum(power, options.stft.floor_power))).astype(np.float32)


def rgb(path: Path, options: FeaturesOptions) -> np.ndarray:
    """Every frame is read, and each 15th (two a second of thirty) kept."""
    size = (options.rgb.size_px, options.rgb.size_px)
    video = cv2.VideoCapture(str(path))
    step = round(video.get(cv2.CAP_PROP_FPS) / options.rgb.frames_per_second)
    pictures = []
    number = 0
    while True:
        found, frame = video.read()
        if not found:
            break
        if number % step == 0:
            small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            pictures.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        number += 1
    return np.stack(pictures)


FEATURES = {"mel": mel, "gam": gam, "cqt": cqt, "rgb": rgb}


def decode_with_pyav(path: Path) -> int:
    """Decode every frame on one thread, look at none; return how many there were."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        return sum(1 for _ in container.decode(stream))


def decode_with_cv2(path: Path) -> int:
    """Read every frame, look at none; return how many there were."""
    video = cv2.VideoCapture(str(path))
    frames = 0
    while video.read()[0]:
        frames += 1
    return frames
