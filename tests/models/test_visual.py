import importlib
import inspect

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from avsc_kedro.errors import InputError
from avsc_kedro.models.visual import (
    STOCK_WEIGHT_FILES,
    build_convnext_tiny,
    build_inception_v3,
    with_depthwise_convolutions,
)

TOLERANCE = 1e-4
MODULES = {"inception_v3": "inception_v3", "convnext_tiny": "convnext"}


def frames(size):
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.float32)


def difference(a, b):
    """Largest difference relative to the largest value."""
    a, b = (keras.ops.convert_to_numpy(x) for x in (a, b))
    return np.abs(a - b).max() / np.abs(a).max()


@pytest.fixture(scope="module")
def stock_convnext():
    """Keras' own network, LayerScale and 7x7 kernels large enough to matter."""
    keras.utils.set_random_seed(0)
    model = keras.applications.ConvNeXtTiny(
        include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg"
    )
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(rng.uniform(0.2, 0.8, layer.gamma.shape))
        if layer.name.endswith("depthwise_conv"):
            layer.kernel.assign(rng.normal(0, 0.2, layer.kernel.shape))
            layer.bias.assign(rng.normal(0, 0.2, layer.bias.shape))
    return model


@pytest.mark.parametrize(
    ("name", "millions", "pooled"), [("vis_inc", 23.91, 2048), ("vis_conv", 28.62, 768)]
)
def test_parameters_with_the_head(visual_backbones, name, millions, pooled):
    network = visual_backbones[name]
    assert round(network.count_params() / 1e6, 2) == millions
    assert network.get_layer("fc1024").input.shape == (None, pooled)
    assert network.output_shape == (None, 10)


def test_both_together(visual_backbones):
    total = sum(network.count_params() for network in visual_backbones.values())
    assert round(total / 1e6, 1) == 52.5


def test_depthwise_steps_equal_the_stock_grouped_ones(stock_convnext):
    expected = stock_convnext(frames(64))
    twin = with_depthwise_convolutions(stock_convnext)
    assert difference(expected, twin(frames(64))) < TOLERANCE

    kinds = [type(layer).__name__ for layer in twin.layers]
    assert kinds.count("DepthwiseConv2D") == 3 + 3 + 9 + 3
    assert twin.count_params() == stock_convnext.count_params()

    wrong = twin.get_layer("convnext_tiny_stage_2_block_4_depthwise_conv")
    kernel, bias = wrong.get_weights()
    wrong.set_weights([kernel.swapaxes(0, 1), bias])
    assert difference(expected, twin(frames(64))) > 30 * TOLERANCE


def test_convnext_reads_a_weights_file(stock_convnext, tmp_path):
    path = tmp_path / "mine.weights.h5"
    stock_convnext.save_weights(path)
    model = build_convnext_tiny((64, 64, 3), weights=str(path))
    assert difference(stock_convnext(frames(64)), model(frames(64))) < TOLERANCE


def test_inception_reads_the_stock_layout_and_sees_minus_one_to_one(tmp_path):
    keras.utils.set_random_seed(1)
    stock = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(75, 75, 3), pooling="avg"
    )
    path = tmp_path / STOCK_WEIGHT_FILES["inception_v3"]
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, stock)
    model = build_inception_v3((75, 75, 3), weights=str(path))
    preprocessed = keras.applications.inception_v3.preprocess_input(frames(75).copy())
    assert difference(stock(preprocessed), model(frames(75))) < TOLERANCE

    ends = np.array([0.0, 127.5, 255.0], np.float32).reshape(3, 1, 1, 1)
    seen = model.get_layer("to_minus_one_to_one")(np.broadcast_to(ends, (3, 75, 75, 3)))
    np.testing.assert_allclose(seen[:, 0, 0, 0], [-1, 0, 1], atol=1e-6)


def refuse(*args, **kwargs):
    raise Exception("URL fetch failure")


def assert_says_what_to_fetch_and_where_to_put_it(message, name):
    for part in ("URL fetch failure", STOCK_WEIGHT_FILES[name], "~/.keras/models/", "none"):
        assert part in message


def test_imagenet_without_a_network(monkeypatch):
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(InputError) as caught:
        build_convnext_tiny((32, 32, 3), weights="imagenet")
    assert_says_what_to_fetch_and_where_to_put_it(str(caught.value), "convnext_tiny")


def test_imagenet_without_a_network_for_inception(monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    with pytest.raises(InputError) as caught:
        build_inception_v3((75, 75, 3), weights="imagenet")
    assert_says_what_to_fetch_and_where_to_put_it(str(caught.value), "inception_v3")


@pytest.mark.parametrize("name", STOCK_WEIGHT_FILES)
def test_the_stock_files_are_those_keras_fetches(name):
    source = inspect.getsource(importlib.import_module(f"keras.src.applications.{MODULES[name]}"))
    assert STOCK_WEIGHT_FILES[name].removeprefix("convnext_tiny") in source


@pytest.mark.parametrize("build", [build_inception_v3, build_convnext_tiny])
def test_a_path_that_is_not_there(tmp_path, build):
    with pytest.raises(InputError, match=r"absent.weights.h5, which is not there"):
        build((96, 96, 3), weights=str(tmp_path / "absent.weights.h5"))
    with pytest.raises(InputError, match="which is not there"):
        build((96, 96, 3), weights=str(tmp_path))


def test_a_file_that_holds_no_such_weights(tmp_path):
    path = tmp_path / "other.weights.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(
        InputError, match=f"Expected the stock file {STOCK_WEIGHT_FILES['convnext_tiny']}"
    ):
        build_convnext_tiny((32, 32, 3), weights=str(path))


@pytest.mark.parametrize(("build", "size"), [(build_inception_v3, 74), (build_convnext_tiny, 31)])
def test_frames_too_small(build, size):
    with pytest.raises(InputError, match=rf"at least {size + 1} pixels.*{size}x200"):
        build((size, 200, 3), weights="none")


def test_depthwise_keeps_stride_dilation_bias_and_activation():
    inputs = keras.Input((12, 12, 4))
    x = keras.layers.Conv2D(4, 3, groups=4, strides=2, use_bias=False, activation="relu")(inputs)
    x = keras.layers.Conv2D(4, 3, groups=4, dilation_rate=2, padding="same")(x)
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3, groups=2)(x))
    x = np.random.default_rng(0).normal(size=(2, 12, 12, 4)).astype(np.float32)
    twin = with_depthwise_convolutions(model)
    assert [type(layer).__name__ for layer in twin.layers[1:]] == [
        "DepthwiseConv2D",
        "DepthwiseConv2D",
        "Conv2D",
    ]
    assert difference(model(x), twin(x)) < TOLERANCE
