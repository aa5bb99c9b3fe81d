from itertools import pairwise

import keras
import numpy as np
import pytest

from avsc_kedro.models.layers import ResidualNormalisation
from avsc_kedro.models.residual_inception import build_residual_inception

SMALL = (64, 64, 128, 128)
LARGE = (128, 256, 320, 512)


def build(widths=(8, 16, 24, 32), input_shape=(16, 17, 2), **options):
    channels = 3 * input_shape[-1]
    return build_residual_inception(
        input_shape, widths=widths, mean=np.zeros(channels), variance=np.ones(channels), **options
    )


def convolution(area, channels, filters):
    return area * channels * filters + filters


def inception(channels, width, area_a, area_b):
    return (
        convolution(1, channels, width // 8)
        + convolution(area_a, channels, width // 2)
        + convolution(area_b, channels, width // 4)
        + convolution(1, channels, width // 8)
    )


def residual(channels, width):
    batch_norms = 4 * (width + width // 2 + 6 * width)
    stem = convolution(1, channels, width // 2)
    branches = sum(
        inception(width // 2, width, a, b) + inception(width, width, a, b)
        for a, b in ((3, 5), (3, 5), (9, 25))
    )
    return convolution(1, channels, width) + stem + branches + batch_norms


def expected_parameters(widths):
    first = widths[0]
    double = inception(6, first, 9, 4) + inception(first, first, 9, 4) + 8 * first
    pairs = pairwise(widths)
    head = 1024 * (widths[-1] + 1) + 10 * 1025
    return double + sum(residual(before, width) for before, width in pairs) + head


@pytest.mark.parametrize(("widths", "millions"), [(SMALL, 1.16), (LARGE, 12.06)])
def test_parameters_with_the_head(audio_backbone, widths, millions):
    network = audio_backbone(input_shape=(128, 309, 2), widths=widths)
    assert network.count_params() == expected_parameters(widths)
    assert round(network.count_params() / 1e6, 2) == millions
    assert network.output_shape == (None, 10)
    assert network.get_layer("deltas").output.shape == (None, 128, 305, 6)


def test_three_large_ones():
    assert round(3 * expected_parameters(LARGE) / 1e6, 1) == 36.2


def test_shapes_halve_thrice_and_end_pooled():
    model = build(widths=SMALL, input_shape=(128, 309, 2))
    shapes = {
        "double": (64, 152, 64),
        "residual1": (32, 76, 64),
        "residual2": (16, 38, 128),
    }
    for block, shape in shapes.items():
        assert model.get_layer(f"{block}_pool").output.shape[1:] == shape
    assert model.get_layer("residual3_relu").output.shape[1:] == (16, 38, 128)
    assert "residual3_pool" not in {layer.name for layer in model.layers}
    assert model.output_shape == (None, 128)


def test_every_convolution_keeps_its_size_and_has_a_bias():
    convolutions = [x for x in build().layers if isinstance(x, keras.layers.Conv2D)]
    assert len(convolutions) == 2 * 4 + 3 * (2 + 3 * 2 * 4)
    for layer in convolutions:
        assert layer.strides == (1, 1)
        assert layer.padding == "same"
        assert layer.use_bias


def test_kernels_are_frequency_by_time():
    model = build()
    kernels = {"double_inc": ((3, 3), (4, 1))}
    for block in (1, 2, 3):
        kernels |= {
            f"residual{block}_b1_inc": ((3, 1), (5, 1)),
            f"residual{block}_b2_inc": ((1, 3), (1, 5)),
            f"residual{block}_b3_inc": ((3, 3), (5, 5)),
        }
    for name, (a, b) in kernels.items():
        for step in "12":
            assert model.get_layer(f"{name}{step}_a").kernel_size == a
            assert model.get_layer(f"{name}{step}_b").kernel_size == b
            assert model.get_layer(f"{name}{step}_point").kernel_size == (1, 1)
            pool = model.get_layer(f"{name}{step}_pool")
            assert (pool.pool_size, pool.strides, pool.padding) == ((3, 3), (1, 1), "same")


def test_average_pools_have_the_shape_of_their_branch():
    model = build()
    shapes = {"b1": (3, 1), "b2": (1, 3), "b3": (3, 3), "shortcut": (3, 3)}
    for branch, shape in shapes.items():
        pool = model.get_layer(f"residual2_{branch}_avg")
        assert isinstance(pool, keras.layers.AveragePooling2D)
        assert (pool.pool_size, pool.strides, pool.padding) == (shape, (1, 1), "same")


def test_dropout_as_in_the_source():
    rates = {x.name: x.rate for x in build().layers if isinstance(x, keras.layers.Dropout)}
    assert rates == {"double_dropout": 0.25, "residual1_dropout": 0.1, "residual2_dropout": 0.1}


def test_residual_normalisation_follows_each_pool():
    plain, normalised = build(), build(residual_normalisation=True)
    added = [x.name for x in normalised.layers if isinstance(x, ResidualNormalisation)]
    assert added == [f"{b}_residual_norm" for b in ("double", "residual1", "residual2")]
    assert len(normalised.layers) == len(plain.layers) + 3
    assert normalised.count_params() == plain.count_params()


def test_the_input_is_normalised_by_the_given_constants():
    mean, variance = np.arange(6.0), np.arange(1.0, 7.0)
    model = build_residual_inception((16, 17, 2), widths=(8, 8, 8, 8), mean=mean, variance=variance)
    x = np.random.default_rng(0).normal(size=(2, 16, 13, 6)).astype(np.float32)
    normalised = model.get_layer("input_constants")(x)
    np.testing.assert_allclose(normalised, (x - mean) / np.sqrt(variance), rtol=1e-5, atol=1e-5)


def test_small_forward_is_finite_and_depends_on_the_input():
    x = np.random.default_rng(0).normal(-60, 20, (3, 16, 17, 2)).astype(np.float32)
    pooled = keras.ops.convert_to_numpy(build()(x))
    assert pooled.shape == (3, 32)
    assert np.all(np.isfinite(pooled))
    assert np.abs(pooled[0] - pooled[1]).max() > 1e-3
