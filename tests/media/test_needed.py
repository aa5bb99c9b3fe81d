"""Frames that are left out must not change those that are delivered."""

import av
import numpy as np
import pytest
from av import VideoFrame

from avsc_kedro.media import needed, video
from avsc_kedro.media.needed import choose, needed_frames
from avsc_kedro.media.timeline import Announced, Unforeseeable
from avsc_kedro.media.video import all_frames, read_frames

FRAMES, RATE_FPS = 90, 15
PLAIN = {"threads": "1", "preset": "veryfast", "crf": "24"}


@pytest.fixture(scope="module")
def moving():
    """A patch that jumps about on moving noise: every frame unlike every other."""
    rng = np.random.default_rng(3)
    ground = rng.integers(0, 256, (96, 128 + 4 * FRAMES, 3), dtype=np.uint8)
    frames = []
    for number in range(FRAMES):
        frame = ground[:, 4 * number : 4 * number + 128].copy()
        row, column = rng.integers(0, 64), rng.integers(0, 96)
        frame[row : row + 32, column : column + 32] = rng.integers(0, 256, 3)
        frames.append(frame)
    return frames


@pytest.fixture
def film(make_video, moving):
    """Write `moving` with the options of a codec."""

    def make(name, *, times_ms=None, **coding):
        codec, pixels = coding.pop("codec", "libx264"), coding.pop("pixels", "yuv420p")
        start_ms, options = coding.pop("start_ms", 0), coding.pop("options", None)
        times_ms = times_ms or [round(1000 * k / RATE_FPS) for k in range(FRAMES)]
        coding = {**(PLAIN if codec == "libx264" else {}), **coding}
        return make_video(
            moving,
            times_ms=times_ms,
            name=name,
            codec=codec,
            pixels=pixels,
            coding=coding,
            start_ms=start_ms,
            options=options,
        )

    return make


@pytest.fixture
def decoded(monkeypatch):
    """Timestamps of the frames that `needed_frames` decodes."""
    seen, original = [], needed._decoded

    def record(*arguments, **others):
        for frame in original(*arguments, **others):
            seen.append(frame.pts)
            yield frame

    monkeypatch.setattr(needed, "_decoded", record)
    return seen


def delivered(frames):
    return [(f.pts, count, f.to_ndarray().tobytes()) for f, count in frames]


def assert_same(path, instants):
    instants = np.asarray(instants, float)
    expected = delivered(all_frames(path, instants=instants))
    assert delivered(needed_frames(path, instants=instants)) == expected
    return expected


H264 = {
    "pyramid.mp4": {"bf": "3", "b-pyramid": "normal"},
    "pyramid.mkv": {"bf": "6", "b-pyramid": "strict", "b_strategy": "0"},
    "short-groups.mp4": {"g": "7", "bf": "2"},
    "short-groups.mkv": {"g": "5", "bf": "2"},
    "short-groups.ts": {"g": "9", "bf": "2"},
    "open-groups.mp4": {"x264-params": "open-gop=1:keyint=12:bframes=3"},
    "intra-refresh.mp4": {"x264-params": "intra-refresh=1:keyint=15"},
    "slices.mp4": {"x264-params": "slices=3:keyint=20"},
    "no-b-frames.mp4": {"profile": "baseline", "g": "20"},
    "ten-bits.mp4": {"pixels": "yuv420p10le", "g": "15"},
    "intra-only.mp4": {"g": "1"},
    "fragments.mp4": {"g": "15", "options": {"movflags": "frag_keyframe+empty_moov"}},
}


@pytest.mark.parametrize("name", H264)
def test_h264_gives_what_decoding_everything_gives(film, decoded, name):
    path = film(name, **H264[name])
    assert_same(path, np.arange(12) / 2)
    assert len(decoded) < FRAMES
    # The beginning of a transport stream cannot be sought.
    for start_s in (2.7,) if name.endswith(".ts") else (0.3, 2.7):
        assert_same(path, start_s + np.arange(5) / 2)


@pytest.mark.parametrize("name", ["open-groups.ts", "intra-refresh.ts"])
def test_a_key_frame_that_is_none_is_not_begun_at(film, name):
    """Transport streams mark them; only the first frame is one that all can begin with."""
    path = film(name, **H264[name.replace(".ts", ".mp4")])
    assert_same(path, np.arange(12) / 2)
    with pytest.raises(Unforeseeable, match="no key frame"):
        list(needed_frames(path, instants=np.array([4.0, 4.5])))
    assert len(read_frames(path, times_s=[0.0, 0.5], start_s=4.0, size_px=32)) == 2


def test_a_varying_rate_and_a_late_start(film, decoded):
    times_ms = np.cumsum(np.random.default_rng(0).integers(20, 120, FRAMES)).tolist()
    path = film("varying.mkv", times_ms=times_ms, start_ms=5000, g="20", bf="3")
    assert_same(path, np.arange(8) / 2)
    assert 0 < len(decoded) < FRAMES
    assert_same(path, 2.0 + np.arange(4) / 2)


def test_blind_skipping_would_give_other_frames(film):
    """The same test, on the way it must not be done: that test can fail."""
    path = film("pyramid.mp4", bf="3", **{"b-pyramid": "normal", "b_strategy": "0"})
    expected = assert_same(path, np.arange(12) / 2)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        kept = {frame.pts for frame in container.decode(stream)}
    assert not {pts for pts, _, _ in expected} <= kept


@pytest.mark.parametrize(
    ("name", "coding"),
    [
        ("hevc.mp4", {"codec": "libx265", "x265-params": "keyint=15:log-level=0:pools=1"}),
        ("open.mp4", {"codec": "libx265", "x265-params": "keyint=15:open-gop=1:log-level=0"}),
        ("vp9.webm", {"codec": "libvpx-vp9", "g": "15", "deadline": "realtime", "cpu-used": "8"}),
        ("vp8.webm", {"codec": "libvpx", "g": "15", "deadline": "realtime", "cpu-used": "8"}),
        ("av1.mp4", {"codec": "libsvtav1", "g": "15", "preset": "12", "svtav1-params": "lp=1"}),
        ("mpeg4.mp4", {"codec": "mpeg4", "g": "12", "bf": "2"}),
        ("mjpeg.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
    ],
)
def test_other_codecs_begin_at_a_key_frame(film, decoded, name, coding):
    path = film(name, **coding)
    assert_same(path, 3.5 + np.arange(4) / 2)
    assert 0 < len(decoded) < FRAMES / 2


@pytest.mark.parametrize(
    ("name", "coding", "reason"),
    [
        ("interlaced.mp4", {"x264-params": "tff=1:interlaced=1"}, "another frame"),
        ("lossless.mkv", {"codec": "ffv1"}, "nothing is known about ffv1"),
        ("b-frames.avi", {"bf": "2"}, "another frame"),
    ],
)
def test_what_cannot_be_foreseen_is_decoded_from_the_beginning(film, name, coding, reason):
    path = film(name, **coding)
    instants = 2.0 + np.arange(4) / 2
    with pytest.raises(Unforeseeable, match=reason):
        list(needed_frames(path, instants=instants))
    expected = video._pictures(all_frames(path, instants=instants), 4, 32)
    np.testing.assert_array_equal(
        read_frames(path, times_s=np.arange(4) / 2, start_s=2.0, size_px=32), expected
    )


@pytest.mark.parametrize(
    ("name", "last_s"), [("failing-audio.mp4", 9.5), ("h264-mp3.mp4", 9.0), ("no-audio.mp4", 9.0)]
)
def test_real_files(odd, decoded, name, last_s):
    assert_same(odd(name), np.arange(0, last_s, 0.5))
    assert_same(odd(name), np.arange(3.2, last_s, 0.5))
    assert decoded


def test_a_key_frame_that_the_container_makes_up_is_not_begun_at(film):
    """Without a list of key frames, an MP4 file calls every frame one."""
    path = film("mpeg4.mp4", codec="mpeg4", g="50")
    content = path.read_bytes()
    at = content.rindex(b"stss")
    path.write_bytes(content[:at] + b"free" + content[at + 4 :])
    instants = 3.5 + np.arange(4) / 2
    with pytest.raises(Unforeseeable, match="a key frame that is none"):
        list(needed_frames(path, instants=instants))
    expected = video._pictures(all_frames(path, instants=instants), 4, 32)
    np.testing.assert_array_equal(
        read_frames(path, times_s=np.arange(4) / 2, start_s=3.5, size_px=32), expected
    )


def test_real_scenes(media):
    for path in sorted(media.glob("scenes/*/*/*.mp4"))[::24]:
        assert_same(path, np.arange(20) / 2)


def test_what_wanted_frames_depend_on():
    def packet(pts, *, is_reset=False, is_reference=True):
        return Announced(pts, pts, True, is_reset, is_reset, is_reference)

    packets = [
        packet(0, is_reset=True),
        packet(3),
        packet(1, is_reference=False),
        packet(2, is_reference=False),
        packet(4, is_reset=True),
        packet(5),
        packet(6, is_reset=True),
        packet(7),
    ]

    def chosen(*wanted):
        flags = choose(packets, wanted=set(wanted))
        return [p.pts for p, is_needed in zip(packets, flags, strict=True) if is_needed]

    assert chosen(2, 6) == [0, 3, 2, 6]
    assert chosen(3) == [0, 3]
    assert chosen(5) == [4, 5]
    assert chosen() == []


def test_another_frame_than_announced_is_noticed(film, monkeypatch):
    path = film("pyramid.mp4", bf="3")

    def shifted(*arguments, **others):
        for frame in original(*arguments, **others):
            frame.pts += 1
            yield frame

    original = needed._decoded
    monkeypatch.setattr(needed, "_decoded", shifted)
    with pytest.raises(Unforeseeable, match="another frame"):
        list(needed_frames(path, instants=np.arange(4) / 2))
    assert len(read_frames(path, times_s=np.arange(4) / 2, size_px=32)) == 4


def test_no_frame_at_the_first_instant_is_noticed(film):
    packets = [Announced(pts, pts, True, pts == 8, pts == 8, True) for pts in (8, 9)]
    instants = np.array([0.001, 0.009])
    with av.open(str(film("any.mkv"))) as container:
        stream = container.streams.video[0]
        with pytest.raises(Unforeseeable, match="no frame at the first instant"):
            needed._on_screen(packets, stream, origin=0, instants=instants)


def test_fewer_frames_than_announced_are_noticed(film, monkeypatch):
    def fewer(*arguments, **others) -> list[VideoFrame]:
        return list(original(*arguments, **others))[:-1]

    original = needed._decoded
    monkeypatch.setattr(needed, "_decoded", fewer)
    with pytest.raises(Unforeseeable, match="fewer frames"):
        list(needed_frames(film("pyramid.mp4", bf="3"), instants=np.arange(4) / 2))
