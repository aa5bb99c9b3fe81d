"""What is written is read back by other code as it was meant."""

import av
import numpy as np
import pytest
import soundfile

from avsc_kedro.media.encoding import write_mp4, write_wav

RED = np.full((1, 1, 3), (230, 20, 20), np.uint8)


def test_wav_is_24_bit_stereo_and_keeps_very_quiet_sound(tmp_path):
    waveform = np.random.default_rng(0).uniform(-0.001, 0.001, (2, 480_000))
    write_wav(tmp_path / "a.wav", waveform, sample_rate_hz=48_000)
    info = soundfile.info(tmp_path / "a.wav")
    assert (info.format, info.subtype) == ("WAV", "PCM_24")
    assert (info.samplerate, info.channels, info.frames) == (48_000, 2, 480_000)
    samples, _ = soundfile.read(tmp_path / "a.wav")
    np.testing.assert_allclose(samples.T, waveform, atol=2**-23)


def test_same_waveform_gives_same_bytes(tmp_path):
    waveform = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 1000))
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, waveform, sample_rate_hz=48_000)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_waveform_that_is_not_stereo_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(2, samples\).*\(1, 5\)"):
        write_wav(tmp_path / "a.wav", np.zeros((1, 5)), sample_rate_hz=48_000)


def test_mp4_is_h264_with_every_frame_in_rgb_order(tmp_path):
    frames = [np.broadcast_to(RED, (48, 64, 3)).copy() for _ in range(20)]
    write_mp4(tmp_path / "a.mp4", iter(frames), frame_rate_fps=8)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.average_rate, stream.frames) == (8, 20)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        seconds = float(stream.duration * stream.time_base)
    assert np.shape(decoded) == (20, 48, 64, 3)
    assert seconds == pytest.approx(2.5)
    np.testing.assert_allclose(np.mean(decoded, axis=(0, 1, 2)), (230, 20, 20), atol=6)


def test_same_frames_give_same_bytes(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    for name in ("a.mp4", "b.mp4"):
        write_mp4(tmp_path / name, frames, frame_rate_fps=4)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize("frames", [[], [np.zeros((33, 32, 3), np.uint8)]])
def test_frames_that_h264_cannot_hold_are_refused(tmp_path, frames):
    with pytest.raises(ValueError, match="even sides"):
        write_mp4(tmp_path / "a.mp4", frames, frame_rate_fps=4)
