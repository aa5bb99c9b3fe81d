"""An hour in one file: neither decoded whole nor held in memory."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avsc_kedro.media import needed
from avsc_kedro.media.audio import read_audio
from avsc_kedro.media.probe import probe
from avsc_kedro.media.video import read_frames

HOUR_S, RATE_HZ = 3600, 8000


@pytest.fixture(scope="module")
def hour(tmp_path_factory):
    """One small picture a second, brighter by one each second, and sound that gets louder."""
    path = tmp_path_factory.mktemp("long") / "hour.mov"
    with av.open(str(path), "w") as container:
        coding = {"threads": "1", "preset": "ultrafast", "g": "30", "bf": "2"}
        video = container.add_stream("libx264", rate=1, options=coding)
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        audio = container.add_stream("pcm_mulaw", rate=RATE_HZ, layout="mono")
        for second in range(HOUR_S):
            level = 60 + second % 120
            planes = np.full((72, 64), 128, np.uint8)
            planes[:48] = level
            container.mux(video.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")))
            samples = np.full((1, RATE_HZ), 8 * second, np.int16)
            block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            block.sample_rate, block.pts = RATE_HZ, second * RATE_HZ
            block.time_base = Fraction(1, RATE_HZ)
            container.mux(audio.encode(block))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def test_pictures_near_the_end_are_found_without_decoding_what_is_before(hour, monkeypatch):
    decoded, original = [], needed._decoded

    def record(*arguments, **others):
        for frame in original(*arguments, **others):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(needed, "_decoded", record)
    found = read_frames(hour, times_s=np.arange(20) / 2, start_s=3500, size_px=32)
    seconds = 3500 + np.arange(20) // 2
    expected = 255 * (60 + seconds % 120 - 16) / 219
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), expected, atol=3)
    assert 10 <= len(decoded) < 60


def test_sound_near_the_end_is_that_of_its_seconds(hour):
    heard = read_audio(hour, sample_rate_hz=RATE_HZ, duration_s=10.0, start_s=3500.0)
    expected = np.repeat(8 * (3500 + np.arange(10)), RATE_HZ) / 2**15
    np.testing.assert_allclose(heard[0], expected, rtol=0.04)


@pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc"
)
def test_memory_does_not_grow_with_the_file(hour, peak_mb):
    early = peak_mb(hour, start_s=10)
    late = peak_mb(hour, start_s=3500)
    assert late < early + 20


def test_it_is_told_apart_from_a_short_one(hour):
    assert probe(hour).shared_duration_s == pytest.approx(HOUR_S, abs=2)


@pytest.fixture
def peak_mb():
    """Most memory that a process of its own held while it read ten seconds.

    `ru_maxrss` would begin with the peak of the process that started it.
    """
    code = """
import sys
from pathlib import Path
from avsc_kedro.media.audio import read_audio
from avsc_kedro.media.video import read_frames
path, start_s = sys.argv[1], float(sys.argv[2])
read_frames(path, times_s=range(10), start_s=start_s, size_px=32)
read_audio(path, sample_rate_hz=8000, duration_s=10.0, start_s=start_s)
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024)
"""

    def measure(path, *, start_s):
        command = [sys.executable, "-c", code, str(path), str(start_s)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return measure
