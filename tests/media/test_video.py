import av
import cv2
import numpy as np
import pytest

from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.video import read_frames

SIZE_PX = 48


def read_squares(path, **others):
    return read_frames(path, size_px=SIZE_PX, **others)


def square_by_opencv(picture):
    return cv2.resize(picture, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA).astype(int)


def grey(level):
    return np.full((48, 64, 3), level, np.uint8)


def steps(count):
    """Frames whose grey level is 40 + 5 k."""
    return [grey(40 + 5 * k) for k in range(count)]


def numbers(pictures):
    return [round((float(p.mean()) - 40) / 5) for p in pictures]


def test_the_frame_on_screen_at_each_instant(make_video):
    path = make_video(steps(30), times_ms=[100 * k for k in range(30)])
    pictures = read_squares(path, times_s=[0.0, 0.05, 0.1, 1.0, 1.99, 2.5])
    assert numbers(pictures) == [0, 0, 1, 10, 19, 25]
    assert (pictures.shape, pictures.dtype) == ((6, SIZE_PX, SIZE_PX, 3), np.uint8)


def test_start_moves_the_instants(make_video):
    path = make_video(steps(30), times_ms=[100 * k for k in range(30)])
    assert numbers(read_squares(path, times_s=[0.0, 0.5], start_s=1.2)) == [12, 17]


def test_a_varying_frame_rate_goes_by_timestamps(make_video):
    times_ms = [0, 40, 80, 120, 1000, 1900, 1940, 1980, 2500]
    path = make_video(steps(9), times_ms=times_ms)
    instants = [0.0, 0.5, 1.0, 1.5, 2.0]
    expected = [max(k for k, t in enumerate(times_ms) if t <= 1000 * i) for i in instants]
    assert numbers(read_squares(path, times_s=instants)) == expected


def test_time_counts_from_the_first_frame(make_video):
    times_ms = [100 * k for k in range(20)]
    path = make_video(steps(20), times_ms=times_ms, start_ms=3000, name="late.mkv")
    assert numbers(read_squares(path, times_s=[0.0, 1.0])) == [0, 10]


def test_a_rounded_timestamp_still_belongs_to_its_instant(make_video):
    times_ms = [0, 33, 67, 101]
    path = make_video(steps(4), times_ms=times_ms, name="rounded.mkv")
    assert numbers(read_squares(path, times_s=[1 / 30, 2 / 30, 0.1])) == [1, 2, 3]


def test_red_is_red(make_video):
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 255
    path = make_video([red] * 5, times_ms=[100 * k for k in range(5)])
    np.testing.assert_allclose(read_squares(path, times_s=[0.2])[0][24, 24], (255, 0, 0), atol=6)


@pytest.mark.parametrize("rotation_deg", [90, 180, -90])
def test_rotation_is_applied_as_opencv_does(make_video, rotation_deg):
    frame = grey(60)
    frame[:16, :16] = 220
    path = make_video([frame] * 5, times_ms=[0, 100, 200, 300, 400], rotation_deg=rotation_deg)
    expected = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    picture = read_squares(path, times_s=[0.0])[0]
    difference = np.abs(picture - square_by_opencv(expected))
    assert difference.mean() < 1


def test_a_phone_video_is_upright(odd):
    path = odd("10fps-mono.mp4")
    expected = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    picture = read_squares(path, times_s=[0.0])[0]
    assert np.abs(picture - square_by_opencv(expected)).mean() < 2


@pytest.mark.parametrize(
    ("name", "last_s"),
    [("mpeg4-mp3.avi", 6.0), ("h265-no-audio.mp4", 0.9), ("failing-audio.mp4", 9.5)],
)
def test_other_codecs(odd, name, last_s):
    pictures = read_squares(odd(name), times_s=[0.0, last_s / 2, last_s])
    assert len(pictures) == 3
    assert not np.array_equal(pictures[0], pictures[2])


def test_the_last_frame_is_held_for_half_a_second(make_video):
    path = make_video(steps(10), times_ms=[100 * k for k in range(10)])
    assert numbers(read_squares(path, times_s=[0.5, 1.4])) == [5, 9]
    with pytest.raises(DecodeError, match=r"until 1\.6 s.* 1\.0 s, decoded 10 of 10 frames.*clip"):
        read_squares(path, times_s=[0.5, 1.6])


def test_a_truncated_video_is_refused_with_both_figures(make_video):
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(40)]
    path = make_video(
        noisy, times_ms=[100 * k for k in range(40)], options={"movflags": "faststart"}
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert len(read_squares(path, times_s=[0.0, 0.5])) == 2
    with pytest.raises(DecodeError, match=r"(1\d|2\d) of 40 frames.*clip\.mp4"):
        read_squares(path, times_s=[0.0, 3.5])


def test_a_video_cut_between_frames_is_refused(make_video, tmp_path):
    path = make_video(
        steps(40), times_ms=[100 * k for k in range(40)], name="cut.mkv", options={"live": "1"}
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DecodeError):
        read_squares(path, times_s=[0.0, 3.5])


@pytest.fixture
def make_damaged(make_video):
    """20 frames, 10 a second, key frames every 8; the second half of one packet is blank."""

    def make(number):
        rng = np.random.default_rng(1)
        noisy = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(20)]
        path = make_video(noisy, times_ms=[100 * k for k in range(20)])
        if number is None:
            return path
        with av.open(str(path)) as container:
            packet = list(container.demux(video=0))[number]
        middle, end = packet.pos + packet.size // 2, packet.pos + packet.size
        content = bytearray(path.read_bytes())
        # To its end: the decoder may take zeros before another byte for picture content.
        content[middle:end] = bytes(end - middle)
        path.write_bytes(content)
        return path

    return make


@pytest.mark.parametrize("number", [0, 1, 9, 18])
def test_a_damaged_frame_is_refused(make_damaged, number):
    path = make_damaged(number)
    assert cv2.VideoCapture(str(path)).read()[0]
    with pytest.raises(DecodeError, match=r"whole frames\. Received a corrupt one after \d+ from"):
        read_squares(path, times_s=np.arange(19) / 10)


def test_damage_that_no_wanted_frame_depends_on_does_no_harm(make_damaged):
    times_s = [0.0, 1.5]  # the first frame and one of the third group
    whole = read_squares(make_damaged(None), times_s=times_s)
    np.testing.assert_array_equal(read_squares(make_damaged(3), times_s=times_s), whole)


def test_sound_alone_has_no_video_track(odd):
    with pytest.raises(DecodeError, match=r"Expected a video track\. Received none"):
        read_squares(odd("silence.wav"), times_s=[0.0])


def test_a_cover_picture_is_no_video_track(cover_picture):
    with pytest.raises(DecodeError, match="only a cover picture"):
        read_squares(cover_picture, times_s=[0.0])


@pytest.mark.parametrize("content", [None, b"", b"not a video at all" * 50])
def test_a_file_that_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "broken.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DecodeError, match=r"broken\.mp4"):
        read_squares(path, times_s=[0.0])


@pytest.mark.parametrize("times_s", [[1.0, 0.5], [-0.5, 0.0], []])
def test_instants_that_do_not_ascend_from_0_are_refused(tmp_path, times_s):
    with pytest.raises(ValueError, match="ascending order, from 0 on"):
        read_squares(tmp_path / "any.mp4", times_s=times_s)
