"""Oracles: OpenCV for the scaling, the standards' formulas for the colours."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from avsc_kedro.media.picture import to_square


def squash(frame, *, size_px):
    if isinstance(frame, np.ndarray):
        frame = av.VideoFrame.from_ndarray(frame, format="rgb24")
    return to_square(frame, size_px=size_px, scaler=VideoReformatter())


def smooth_noise(height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 1.5)


def from_planes(luma, blue, red, *, colorspace, color_range):
    """A 64 x 48 frame of one colour in planes of 4:2:0."""
    planes = np.concatenate([np.full(64 * 48, luma), np.full(32 * 24, blue), np.full(32 * 24, red)])
    frame = av.VideoFrame.from_ndarray(planes.astype(np.uint8).reshape(72, 64), format="yuv420p")
    frame.colorspace, frame.color_range = colorspace, color_range
    return frame


def test_shrinking_averages_areas():
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[:2, 2:] = (200, 100, 40)
    frame[2:, :2] = [[(0, 0, 0), (80, 80, 80)], [(40, 40, 40), (80, 80, 80)]]
    expected = [[[0] * 3, [200, 100, 40]], [[50] * 3, [0] * 3]]
    np.testing.assert_allclose(squash(frame, size_px=2), expected, atol=1)


@pytest.mark.parametrize(
    ("height", "width", "size_px"),
    [(480, 640, 224), (101, 77, 50), (48, 64, 80), (100, 300, 224), (300, 100, 224), (3, 5, 64)],
)
def test_each_axis_shrinks_or_grows_as_opencv_does_it(height, width, size_px):
    frame = smooth_noise(height, width)
    smaller = (min(width, size_px), min(height, size_px))
    shrunk = cv2.resize(frame, smaller, interpolation=cv2.INTER_AREA)
    expected = cv2.resize(shrunk, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    difference = squash(frame, size_px=size_px).astype(int) - expected
    assert np.abs(difference).mean() < 1
    assert np.abs(difference).max() <= 6


def test_one_pixel_fills_the_square():
    frame = np.array([[[1, 2, 3]]], np.uint8)
    np.testing.assert_array_equal(squash(frame, size_px=32), np.tile(frame, (32, 32, 1)))


def test_the_right_size_is_left_alone():
    frame = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    np.testing.assert_array_equal(squash(frame, size_px=48), frame)


@pytest.mark.parametrize("color_range", [ColorRange.MPEG, ColorRange.JPEG])
@pytest.mark.parametrize(
    ("colorspace", "red_share", "blue_share"),
    [
        (Colorspace.ITU709, 0.2126, 0.0722),
        (Colorspace.ITU601, 0.299, 0.114),
        (Colorspace.BT2020, 0.2627, 0.0593),
        (Colorspace.DEFAULT, 0.299, 0.114),
    ],
)
def test_colours_follow_the_declared_matrix_and_range(
    colorspace, color_range, red_share, blue_share
):
    luma, blue, red = 120, 100, 160
    limited = color_range == ColorRange.MPEG
    y = (luma - 16) / 219 if limited else luma / 255
    b, r = ((chroma - 128) / (224 if limited else 255) for chroma in (blue, red))
    high, low = y + 2 * (1 - red_share) * r, y + 2 * (1 - blue_share) * b
    middle = (y - red_share * high - blue_share * low) / (1 - red_share - blue_share)
    frame = from_planes(luma, blue, red, colorspace=colorspace, color_range=color_range)
    for size_px in (32, 56, 80):
        found = squash(frame, size_px=size_px).reshape(-1, 3)
        expected = np.broadcast_to(255 * np.array([high, middle, low]), found.shape)
        np.testing.assert_allclose(found, expected, atol=1.5)


@pytest.mark.parametrize(
    "pixels", ["yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "p010le", "gbrp", "bgra"]
)
def test_any_pixel_format_gives_the_same_picture(pixels):
    frame = cv2.GaussianBlur(smooth_noise(144, 192), (0, 0), 4)
    other = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels, threads=1)
    expected = cv2.resize(frame, (48, 48), interpolation=cv2.INTER_AREA).astype(int)
    difference = squash(other, size_px=48) - expected
    assert np.abs(difference).mean() < 1
    assert abs(difference.mean()) < 0.4


def test_grey_stays_unbiased():
    """The plain conversion, without these flags, is a whole level too dark in some colours."""
    levels = np.random.default_rng(0).integers(16, 236, (96, 128)).astype(np.uint8)
    planes = np.concatenate([levels.ravel(), np.full(2 * 48 * 64, 128, np.uint8)])
    frame = av.VideoFrame.from_ndarray(planes.reshape(144, 128), format="yuv420p")
    truth = 255 * (levels.astype(float) - 16) / 219
    expected = cv2.resize(truth, (48, 48), interpolation=cv2.INTER_AREA)[..., None]
    difference = squash(frame, size_px=48) - expected
    assert abs(difference.mean()) < 0.1
    assert np.abs(difference).max() < 1.5
