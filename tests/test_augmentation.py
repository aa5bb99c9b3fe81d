import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from avsc_kedro.augmentation import (
    crop,
    draw_flips,
    draw_stretches,
    draw_windows,
    flip,
    mask,
)

seeds = st.integers(0, 2**32 - 1)


def rng(seed=11):
    return np.random.default_rng(seed)


def runs(row):
    """Widths of the stretches of True in a row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]])))
    return (edges[1::2] - edges[::2]).tolist()


def test_masks_by_hand():
    """Level 3 in the first channel, 30 in the second; the first band and the last frame go."""
    first = np.array([[1, 1, 1, 5], [1, 1, 5, 9]], np.float32)
    spectrograms = np.stack([first, 10 * first], axis=-1)[None]
    masked = mask(
        spectrograms,
        bands=np.array([[True, False]]),
        frames=np.array([[False, False, False, True]]),
    )
    assert masked[0, ..., 0].tolist() == [[3, 3, 3, 3], [1, 1, 5, 3]]
    assert masked[0, ..., 1].tolist() == [[30, 30, 30, 30], [10, 10, 50, 30]]
    assert spectrograms[0, 0, 0, 0] == 1


def test_each_sample_has_its_own_masks_and_its_own_level():
    spectrograms = np.stack([np.eye(2, dtype="f4"), 4 * np.eye(2, dtype="f4")])[..., None]
    frames = np.array([[True, False], [False, True]])
    masked = mask(spectrograms, bands=np.zeros((2, 2), bool), frames=frames)
    assert masked[..., 0].tolist() == [[[0.5, 0], [0.5, 1]], [[4, 2], [0, 2]]]


@given(seed=seeds, size=st.integers(1, 40), width=st.integers(0, 40), count=st.integers(0, 4))
def test_no_more_and_no_wider_stretches_than_told(seed, size, width, count):
    width = min(width, size)
    masked = draw_stretches(rng(seed), 5, size=size, count=count, max_width=width)
    assert masked.shape == (5, size)
    for row in masked:
        assert len(runs(row)) <= count
        assert row.sum() <= count * width
    one = draw_stretches(rng(seed), 5, size=size, count=min(count, 1), max_width=width)
    assert max((run for row in one for run in runs(row)), default=0) <= width


def test_every_width_comes_as_often_and_every_place_is_reached():
    masked = draw_stretches(rng(), 8000, size=6, count=1, max_width=3)
    widths = masked.sum(axis=1)
    np.testing.assert_allclose(np.bincount(widths), 2000, atol=160)
    starts = masked[widths == 2].argmax(axis=1)
    np.testing.assert_allclose(np.bincount(starts), (widths == 2).sum() / 5, atol=80)


@given(seed=seeds, bands=st.integers(1, 8), frames=st.integers(5, 12), channels=st.integers(1, 2))
def test_what_is_not_masked_stays_and_what_is_has_the_mean(seed, bands, frames, channels):
    source = rng(seed)
    spectrograms = source.normal(-40, 20, (3, bands, frames, channels)).astype(np.float32)
    of_bands = draw_stretches(source, 3, size=bands, count=1, max_width=bands)
    of_frames = draw_stretches(source, 3, size=frames, count=2, max_width=3)
    masked = mask(spectrograms, bands=of_bands, frames=of_frames)
    assert masked.shape == spectrograms.shape
    assert masked.dtype == np.float32
    for sample, before, band, frame in zip(masked, spectrograms, of_bands, of_frames, strict=True):
        kept = sample[~band][:, ~frame]
        np.testing.assert_array_equal(kept, before[~band][:, ~frame])
        for channel in range(channels):
            level = before[..., channel].mean()
            np.testing.assert_allclose(sample[band, :, channel], level, rtol=1e-4, atol=1e-3)
            np.testing.assert_allclose(sample[:, frame, channel], level, rtol=1e-4, atol=1e-3)


@given(seed=seeds, number=st.sampled_from([(0, 4), (2, 0), (0, 0)]))
def test_no_masks_or_none_wide_is_identity(seed, number):
    count, width = number
    spectrograms = rng(seed).normal(size=(2, 4, 6, 2)).astype(np.float32)
    bands = draw_stretches(rng(seed), 2, size=4, count=count, max_width=width)
    frames = draw_stretches(rng(seed), 2, size=6, count=count, max_width=width)
    masked = mask(spectrograms, bands=bands, frames=frames)
    np.testing.assert_array_equal(masked, spectrograms)


@given(seed=seeds, size_px=st.integers(1, 60), fraction=st.floats(0.01, 1))
def test_windows_lie_within_the_frame_and_are_as_large_as_told(seed, size_px, fraction):
    top, left, side = draw_windows(rng(seed), 9, size_px=size_px, min_fraction=fraction).T
    assert np.all(side >= fraction * size_px)
    assert np.all(side <= size_px)
    assert np.all(np.minimum(top, left) >= 0)
    assert np.all(np.maximum(top, left) + side <= size_px)


def test_every_side_comes_as_often_and_every_place_is_reached():
    windows = draw_windows(rng(), 8000, size_px=4, min_fraction=0.5)
    sides, counts = np.unique(windows[:, 2], return_counts=True)
    assert sides.tolist() == [2, 3, 4]
    np.testing.assert_allclose(counts, 8000 / 3, atol=160)
    corners = {tuple(window[:2]) for window in windows[windows[:, 2] == 3].tolist()}
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_window_by_hand():
    """Two columns, 0 and 8, become four: pixel centres lie at 0.25 and 0.75 of a pixel."""
    row = np.array([50, 0, 8, 50], np.float32)
    frame = np.tile(row[None, :, None], (4, 1, 3))
    (cropped,) = crop(frame[None], np.array([[1, 1, 2]]))
    np.testing.assert_allclose(cropped[..., 0], np.tile([0, 2, 6, 8], (4, 1)), atol=1e-5)


@given(seed=seeds, size_px=st.integers(2, 24))
def test_windows_are_scaled_as_scipy_interpolates(seed, size_px):
    frames = rng(seed).uniform(0, 255, (2, size_px, size_px, 3)).astype(np.float32)
    windows = draw_windows(rng(seed), 2, size_px=size_px, min_fraction=0.3)
    cropped = crop(frames, windows)
    assert cropped.shape == frames.shape
    assert cropped.dtype == np.float32
    for found, frame, (top, left, side) in zip(cropped, frames, windows, strict=True):
        inside = (np.arange(size_px) + 0.5) * side / size_px - 0.5
        places = np.meshgrid(inside, inside, indexing="ij")
        window = frame[top : top + side, left : left + side]
        for channel in range(3):
            expected = map_coordinates(window[..., channel], places, order=1, mode="nearest")
            np.testing.assert_allclose(found[..., channel], expected, atol=0.01)


@given(seed=seeds, size_px=st.integers(1, 12), kind=st.sampled_from([np.float32, np.uint8]))
def test_the_whole_frame_is_identity(seed, size_px, kind):
    frames = rng(seed).uniform(0, 255, (2, size_px, size_px, 3)).astype(kind)
    windows = draw_windows(rng(seed), 2, size_px=size_px, min_fraction=1.0)
    cropped = crop(frames, windows)
    np.testing.assert_array_equal(cropped, frames)
    assert cropped.dtype == kind


@pytest.fixture
def threads():
    """Set how many threads OpenCV uses; afterwards as many as before."""
    before = cv2.getNumThreads()
    yield cv2.setNumThreads
    cv2.setNumThreads(before)


def test_cropping_does_not_depend_on_threads(threads):
    frames = rng().uniform(0, 255, (2, 224, 224, 3)).astype(np.float32)
    windows = draw_windows(rng(), 2, size_px=224, min_fraction=0.5)
    cropped = []
    for number in (1, 4):
        threads(number)
        cropped.append(crop(frames, windows).tobytes())
    assert cropped[0] == cropped[1]


def test_mirrored_by_hand():
    frames = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)
    flipped = flip(frames, np.array([False, True]))
    assert flipped[..., 0].tolist() == [[[0, 1, 2], [3, 4, 5]], [[8, 7, 6], [11, 10, 9]]]
    assert flipped.dtype == np.uint8


@given(seed=seeds, probability=st.floats(0, 1))
def test_mirrored_twice_is_identity(seed, probability):
    frames = rng(seed).uniform(0, 255, (4, 3, 3, 3)).astype(np.float32)
    flipped = draw_flips(rng(seed), 4, probability=probability)
    np.testing.assert_array_equal(flip(flip(frames, flipped), flipped), frames)


def test_as_many_are_mirrored_as_told():
    assert draw_flips(rng(), 10_000, probability=0.5).mean() == pytest.approx(0.5, abs=0.02)
    assert not draw_flips(rng(), 1000, probability=0).any()


@pytest.mark.parametrize(
    "draw",
    [
        lambda source: draw_stretches(source, 4, size=30, count=2, max_width=9),
        lambda source: draw_windows(source, 4, size_px=80, min_fraction=0.5),
        lambda source: draw_flips(source, 64, probability=0.5),
    ],
    ids=["stretches", "windows", "flips"],
)
def test_the_same_seed_draws_the_same(draw):
    np.testing.assert_array_equal(draw(rng()), draw(rng()))
    assert not np.array_equal(draw(rng()), draw(rng(12)))
