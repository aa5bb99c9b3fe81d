import keras
import numpy as np
import pytest

from avsc_kedro.mixup import mix
from avsc_kedro.models.layers import ResidualNormalisation, StackDeltas
from avsc_kedro.signal.deltas import stack_deltas

SPECTROGRAMS = np.random.default_rng(0).normal(-60, 20, (2, 128, 309, 2)).astype(np.float32)


def stack(spectrograms):
    return keras.ops.convert_to_numpy(StackDeltas()(spectrograms))


def test_deltas_equal_those_of_the_signal_room():
    stacked = stack(SPECTROGRAMS)
    assert stacked.shape == (2, 128, 305, 6)
    np.testing.assert_array_equal(stacked, [stack_deltas(one) for one in SPECTROGRAMS])


def test_deltas_by_hand():
    values = np.array([1, 2, 4, 8, 16, 32], np.float32).reshape(1, 1, 6, 1)
    # delta 1.5, 3, 6, 12 at frames 1 to 4; delta-delta (6 - 1.5) / 2 and (12 - 3) / 2
    assert stack(values)[0, 0].tolist() == [[4, 3, 2.25], [8, 6, 4.5]]


def test_deltas_commute_with_mixup():
    a, b = SPECTROGRAMS[:, None]
    weight = np.array([0.3], np.float32)
    np.testing.assert_allclose(
        stack(mix(a, b, weight)), mix(stack(a), stack(b), weight), rtol=1e-5, atol=1e-4
    )


def test_the_shape_is_known_before_the_first_call():
    symbolic = StackDeltas()(keras.Input((128, 309, 2)))
    assert symbolic.shape == (None, 128, 305, 6)
    assert StackDeltas().compute_output_shape((7, 128, 309, 2)) == (7, 128, 305, 6)


def test_residual_normalisation_against_numpy():
    x = np.random.default_rng(1).normal(3, 5, (2, 6, 7, 4)).astype(np.float32)
    wide = x.astype(np.float64)
    mean = wide.mean(axis=(1, 2), keepdims=True)
    variance = wide.var(axis=(1, 2), keepdims=True)
    expected = 0.4 * wide + (wide - mean) / np.sqrt(variance + 1e-5)
    normalised = keras.ops.convert_to_numpy(ResidualNormalisation()(x))
    np.testing.assert_allclose(normalised, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("constant", [0.0, -70.0])
def test_residual_normalisation_of_silence_stays_finite(constant):
    normalised = ResidualNormalisation()(np.full((1, 4, 5, 1), constant, np.float32))
    np.testing.assert_allclose(normalised, 0.4 * constant, atol=0.05)


def test_layers_survive_a_file(tmp_path):
    inputs = keras.Input((4, 9, 2))
    outputs = ResidualNormalisation(weight=0.3, epsilon=1e-3)(StackDeltas()(inputs))
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    assert (loaded.layers[-1].weight, loaded.layers[-1].epsilon) == (0.3, 1e-3)
    x = SPECTROGRAMS[:, :4, :9]
    np.testing.assert_array_equal(loaded(x), model(x))
