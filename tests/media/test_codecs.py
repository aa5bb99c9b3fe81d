"""Frames of many codecs against OpenCV's, or against what was encoded where it has none."""

import cv2
import numpy as np
import pytest

from avsc_kedro.media.video import read_frames

COUNT, SIZE_PX = 12, 48
CODECS = {
    "h264.mp4": {},
    "h264-10.mp4": {"pixels": "yuv420p10le"},
    "h265.mp4": {"codec": "libx265", "coding": {"x265-params": "log-level=0:pools=1"}},
    "h265-10.mp4": {
        "codec": "libx265",
        "pixels": "yuv420p10le",
        "coding": {"x265-params": "log-level=0:pools=1"},
    },
    "vp9.webm": {"codec": "libvpx-vp9", "coding": {"deadline": "realtime", "cpu-used": "8"}},
    "av1.mp4": {"codec": "libsvtav1", "coding": {"preset": "12", "svtav1-params": "lp=1"}},
    "mpeg4.avi": {"codec": "mpeg4", "coding": {"qscale": "2"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "coding": {}},
    "ffv1.mkv": {"codec": "ffv1", "pixels": "yuv444p", "coding": {}},
}


def shades():
    """Grey frames, each ten levels above the last, with a red corner."""
    frames = []
    for number in range(COUNT):
        frame = np.full((96, 128, 3), 40 + 10 * number, np.uint8)
        frame[:32, :32] = (200, 40, 40)
        frames.append(cv2.GaussianBlur(frame, (0, 0), 3))
    return frames


def by_opencv(path):
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = capture.read()
        if not there:
            return frames
        frames.append(frame[..., ::-1])


def squares(frames):
    size = (SIZE_PX, SIZE_PX)
    return np.array([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in frames], int)


@pytest.mark.parametrize("name", CODECS)
def test_pictures_are_those_that_were_encoded(make_video, name):
    frames, times_ms = shades(), [100 * k for k in range(COUNT)]
    path = make_video(frames, times_ms=times_ms, name=name, **CODECS[name])
    found = read_frames(path, times_s=np.arange(COUNT) / 10, size_px=SIZE_PX)
    assert np.abs(found - squares(frames)).mean() < 2.5
    reference = by_opencv(path)
    if reference:  # OpenCV's own decoders lack AV1
        assert np.abs(found - squares(reference)).mean() < 1.5


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("dot.mkv", "ffv1", "bgr0"),
        ("dot.nut", "rawvideo", "rgb24"),
        ("dot.mov", "png", "rgb24"),
        ("dot.avi", "png", "rgb24"),
    ],
)
def test_a_video_of_one_pixel(make_video, name, codec, pixels):
    colours = [(10 * k, 200 - 10 * k, 77) for k in range(10)]
    frames = [np.array([[colour]], np.uint8) for colour in colours]
    path = make_video(
        frames,
        times_ms=[100 * k for k in range(10)],
        name=name,
        codec=codec,
        pixels=pixels,
        coding={},
    )
    found = read_frames(path, times_s=[0.0, 0.5], size_px=32)
    np.testing.assert_array_equal(found[0], np.broadcast_to(colours[0], (32, 32, 3)))
    np.testing.assert_array_equal(found[1], np.broadcast_to(colours[5], (32, 32, 3)))
