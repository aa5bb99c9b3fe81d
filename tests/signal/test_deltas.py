import numpy as np
import pytest

from avsc_kedro.mixup import mix
from avsc_kedro.signal.deltas import channel_statistics, stack_deltas


def test_by_hand():
    values = np.array([1, 2, 4, 8, 16, 32], np.float32)
    stacked = stack_deltas(values.reshape(1, 6, 1))
    # delta: (4-1)/2, (8-2)/2, (16-4)/2, (32-8)/2 = 1.5, 3, 6, 12 at frames 1 to 4
    assert stacked[0].tolist() == [[4, 3, (6 - 1.5) / 2], [8, 6, (12 - 3) / 2]]


def test_shape_and_order_of_channels():
    rng = np.random.default_rng(0)
    spectrogram = rng.standard_normal((128, 309, 2)).astype(np.float32)
    stacked = stack_deltas(spectrogram)
    assert stacked.shape == (128, 305, 6)
    assert stacked.dtype == np.float32
    np.testing.assert_array_equal(stacked[..., :2], spectrogram[:, 2:-2])
    slope = np.gradient(spectrogram, axis=1)
    np.testing.assert_allclose(stacked[..., 2:4], slope[:, 2:-2], atol=1e-6)
    np.testing.assert_allclose(
        stacked[..., 4:], np.gradient(slope, axis=1)[:, 2:-2], rtol=1e-5, atol=1e-6
    )


def test_commutes_with_mixup():
    a, b = np.random.default_rng(1).standard_normal((2, 4, 9, 2)).astype(np.float32)
    weight = np.array([0.3], np.float32)
    after = mix(stack_deltas(a)[None], stack_deltas(b)[None], weight)[0]
    before = stack_deltas(mix(a[None], b[None], weight)[0])
    np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 2), (3, 5)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Received shape"):
        stack_deltas(np.zeros(shape, np.float32))


def test_statistics_equal_those_of_all_values_at_once():
    rng = np.random.default_rng(2)
    batches = [rng.normal([-90, 0], [20, 3], (n, 3, 5, 2)).astype(np.float32) for n in (4, 1, 7)]
    batches.insert(1, np.zeros((0, 3, 5, 2), np.float32))
    mean, variance = channel_statistics(iter(batches))
    everything = np.concatenate(batches).reshape(-1, 2).astype(np.float64)
    np.testing.assert_allclose(mean, everything.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, everything.var(axis=0), rtol=1e-6)
    assert mean.dtype == variance.dtype == np.float32


def test_statistics_keep_a_small_spread_on_a_large_mean():
    batches = [np.full((1000, 1), 1e6) + sign * 1e-2 for sign in (-1, 1)]
    assert channel_statistics(batches)[1] == pytest.approx([1e-4], rel=1e-4)


def test_statistics_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one value"):
        channel_statistics([])
