import pickle

import numpy as np
import pytest

from avsc_kedro.errors import InputError
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
