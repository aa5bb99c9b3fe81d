import pickle

import av
import numpy as np
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.features import count_segments
from avsc_kedro.media.containers import opened, video_stream
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.probe import probe


def test_a_made_video(make_video):
    frames = [np.full((48, 64, 3), 99, np.uint8)] * 10
    info = probe(make_video(frames, times_ms=[100 * k for k in range(10)], rotation_deg=90))
    assert (info.has_audio, info.has_video) == (False, True)
    assert (info.width_px, info.height_px, info.rotation_deg) == (64, 48, 90)
    assert info.duration_s == pytest.approx(1.0, abs=0.02)
    assert info.frame_rate_fps == pytest.approx(10, rel=0.02)
    assert info.sample_rate_hz is None


def test_sound_and_pictures_share_the_shorter_track(tmp_path):
    path = tmp_path / "uneven.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=2, options={"threads": "1"})
        video.height, video.width, video.pix_fmt = 48, 64, "yuv420p"
        audio = container.add_stream("aac", rate=8000, layout="stereo")
        for _ in range(50):
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        silence = np.zeros((2, 12 * 8000), np.float32)
        block = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        block.sample_rate = 8000
        container.mux(audio.encode(block))
        container.mux(video.encode())
        container.mux(audio.encode())
    info = probe(path)
    assert info.duration_s == pytest.approx(25, abs=0.2)
    assert info.video_duration_s == pytest.approx(25, abs=0.2)
    assert info.audio_duration_s == pytest.approx(12, abs=0.2)
    assert info.shared_duration_s == info.audio_duration_s
    assert count_segments(info.shared_duration_s, clip_s=10.0) == 1


def test_a_track_without_a_decoder_is_refused(make_video):
    path = make_video([np.zeros((48, 64, 3), np.uint8)] * 3, times_ms=[0, 100, 200])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xyz1").replace(b"avcC", b"xyzC"))
    with opened(path) as container, pytest.raises(DecodeError, match=r"unknown one from .*clip"):
        video_stream(container)
    with pytest.raises(DecodeError, match="Expected video of a kind that FFmpeg decodes"):
        probe(path)


def test_a_made_sound_track(make_track):
    info = probe(make_track(np.zeros((2, 22_050)), rate=44_100))
    assert (info.has_audio, info.has_video) == (True, False)
    assert (info.sample_rate_hz, info.channels, info.width_px) == (44_100, 2, None)
    assert info.duration_s == pytest.approx(0.5, abs=0.05)


def test_a_cover_picture_is_no_video(cover_picture):
    info = probe(cover_picture)
    assert (info.has_audio, info.has_video) == (True, False)


@pytest.mark.parametrize(
    ("name", "has_audio", "has_video"),
    [
        ("no-audio.mp4", False, True),
        ("h265-no-audio.mp4", False, True),
        ("mpeg4-mp3.avi", True, True),
        ("10fps-mono.mp4", True, True),
        ("silence.wav", True, False),
        ("empty.wav", True, False),
    ],
)
def test_odd_files(odd, name, has_audio, has_video):
    info = probe(odd(name))
    assert (info.has_audio, info.has_video) == (has_audio, has_video)


def test_an_unreadable_file_is_the_users_to_mend(tmp_path):
    path = tmp_path / "text.mp4"
    path.write_text("no container")
    with pytest.raises(InputError, match=r"readable media file.*text\.mp4") as caught:
        probe(path)
    # Worker processes hand errors over by pickle.
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (DecodeError, str(caught.value))
