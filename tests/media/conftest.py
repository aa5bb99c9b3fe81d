"""Small clips made with PyAV and soundfile, and the real ones if they are there."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

REAL_MEDIA = Path(__file__).resolve().parents[2].parent / "shared" / "media"


@pytest.fixture
def odd():
    """Path of a real file that careless decoders get wrong."""

    def find(name):
        path = REAL_MEDIA / "odd" / name
        if not path.exists():
            pytest.skip(f"{path} is not on this machine")
        return path

    return find


@pytest.fixture
def make_video(tmp_path):
    """Write frames (height, width, 3) at given milliseconds, by default as fine H.264."""

    def make(
        frames,
        *,
        times_ms,
        name="clip.mp4",
        rotation_deg=0,
        start_ms=0,
        options=None,
        codec="libx264",
        pixels="yuv420p",
        coding=None,
    ):
        path = tmp_path / name
        coding = {"crf": "4", "threads": "1", "g": "8"} if coding is None else coding
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=10, options=coding)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 1000)
            if rotation_deg:
                stream.set_display_rotation(rotation_deg)
            for frame, time_ms in zip(frames, times_ms, strict=True):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                # On one thread, so that the same frames give the same bytes.
                picture = picture.reformat(format=pixels, threads=1)
                picture.pts, picture.time_base = start_ms + time_ms, Fraction(1, 1000)
                container.mux(stream.encode(picture))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_track(tmp_path):
    """Write waveforms (channels, samples), one after the other, as a container's sound track.

    `hole` samples without a packet lie before each but the first.
    """

    def make(*parts, rate, hole=0, name="clip.mp4", codec="aac", layout="stereo", options=None):
        path = tmp_path / name
        with av.open(str(path), "w", options=options or {}) as container:
            stream = container.add_stream(codec, rate=rate, layout=layout)
            if codec == "aac":
                stream.bit_rate = 256_000
            position = 0
            for part in parts:
                samples = np.ascontiguousarray(part, np.float32)
                block = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
                block.sample_rate, block.pts = rate, position
                container.mux(stream.encode(block))
                position += samples.shape[1] + hole
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def cover_picture(tmp_path):
    """A song with a cover picture and no video."""
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44_100, layout="stereo")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        block = av.AudioFrame.from_ndarray(
            np.zeros((2, 44_100), np.float32), format="fltp", layout="stereo"
        )
        block.sample_rate = 44_100
        container.mux(sound.encode(block))
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        container.mux(cover.encode(picture.reformat(format="yuvj420p")))
        container.mux(cover.encode())
        container.mux(sound.encode())
    return path
