import hashlib

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from avsc_kedro.errors import InputError
from avsc_kedro.models.backbone import build_visual_backbone
from avsc_kedro.models.files import save_model
from avsc_kedro.models.pretrained import STOCK_WEIGHTS
from avsc_kedro.models.visual import (
    build_convnext_tiny,
    build_inception_v3,
    with_lean_layers,
)
from avsc_kedro.options import VisualBackboneOptions
from avsc_kedro.paper import BRANCHES

TOLERANCE = 1e-4


def frames(size):
    return np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.float32)


def difference(a, b):
    """Largest difference relative to the largest value."""
    a, b = (keras.ops.convert_to_numpy(x) for x in (a, b))
    return np.abs(a - b).max() / np.abs(a).max()


def trusted(path):
    """The options of a file whose digest the user gives."""
    return {"weights": str(path), "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


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


def layer_scales(network):
    layers = [each for each in network.layers if type(each).__name__ == "LayerScale"]
    return np.concatenate([keras.ops.convert_to_numpy(layer.gamma) for layer in layers])


def test_random_weights_start_at_the_layer_scale_told_and_a_file_s_do_not(
    stock_convnext, training_options, tmp_path
):
    options = VisualBackboneOptions(
        training=training_options(),
        batch_norm_momentum=0.75,
        head_dropout=0.3,
        weights="none",
        layer_scale=0.5,
        frames_per_clip=2,
    )
    [branch] = [branch for branch in BRANCHES if branch.name == "vis_conv"]
    random = build_visual_backbone(branch, options, input_shape=(32, 32, 3), classes=3)
    assert np.unique(layer_scales(base_of(random))) == [0.5]

    path = tmp_path / "stock.weights.h5"
    stock_convnext.save_weights(path)
    loaded = build_convnext_tiny((64, 64, 3), **trusted(path), layer_scale=0.5)
    np.testing.assert_array_equal(layer_scales(base_of(loaded)), layer_scales(stock_convnext))


def test_depthwise_steps_equal_the_stock_grouped_ones(stock_convnext):
    expected = stock_convnext(frames(64))
    twin = with_lean_layers(stock_convnext)
    assert difference(expected, twin(frames(64))) < TOLERANCE

    kinds = [type(layer).__name__ for layer in twin.layers]
    assert kinds.count("DepthwiseConv2D") == 3 + 3 + 9 + 3
    assert twin.count_params() == stock_convnext.count_params()

    wrong = twin.get_layer("convnext_tiny_stage_2_block_4_depthwise_conv")
    kernel, bias = wrong.get_weights()
    wrong.set_weights([kernel.swapaxes(0, 1), bias])
    assert difference(expected, twin(frames(64))) > 30 * TOLERANCE


def write_stock_layout(model, path):
    """Write weights as the stock files hold them."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)


@pytest.fixture
def tiny(monkeypatch):
    """A network that is built at once in the place of ConvNeXtTiny, and reads files as it does."""

    def build(*, include_top, weights, input_shape, pooling):
        inputs = keras.Input(input_shape)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
        network = keras.Model(inputs, x, name="convnext_tiny")
        if weights:
            network.load_weights(weights)
        return network

    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", build)
    return build(include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg")


@pytest.mark.parametrize("name", ["mine.h5", "mine.weights.h5"])
def test_convnext_reads_a_weights_file(stock_convnext, tmp_path, name):
    path = tmp_path / name
    if name == "mine.h5":
        write_stock_layout(stock_convnext, path)
    else:
        stock_convnext.save_weights(path)
    model = build_convnext_tiny((64, 64, 3), **trusted(path))
    assert difference(stock_convnext(frames(64)), model(frames(64))) < TOLERANCE


def test_the_layout_goes_by_the_files_name(tiny, tmp_path):
    write_stock_layout(tiny, tmp_path / "renamed.weights.h5")
    with pytest.raises(InputError, match=r"where the name ends in \.weights\.h5, that of Keras 3"):
        build_convnext_tiny((32, 32, 3), **trusted(tmp_path / "renamed.weights.h5"))


def test_inception_reads_the_stock_layout_and_sees_minus_one_to_one(tmp_path, monkeypatch):
    keras.utils.set_random_seed(1)
    stock = keras.applications.InceptionV3(
        include_top=False, weights=None, input_shape=(75, 75, 3), pooling="avg"
    )
    path = tmp_path / "inception.h5"
    write_stock_layout(stock, path)
    entry = STOCK_WEIGHTS["inception_v3"]
    checksum = hashlib.md5(path.read_bytes()).hexdigest()
    monkeypatch.setitem(STOCK_WEIGHTS, "inception_v3", entry._replace(checksum=checksum))
    model = build_inception_v3((75, 75, 3), weights=str(path))
    preprocessed = keras.applications.inception_v3.preprocess_input(frames(75).copy())
    assert difference(stock(preprocessed), model(frames(75))) < TOLERANCE

    ends = np.array([0.0, 127.5, 255.0], np.float32).reshape(3, 1, 1, 1)
    seen = model.get_layer("to_minus_one_to_one")(np.broadcast_to(ends, (3, 75, 75, 3)))
    np.testing.assert_allclose(seen[:, 0, 0, 0], [-1, 0, 1], atol=1e-6)


@pytest.fixture(scope="module")
def trained(visual_backbones, audio_backbone, randomise, tmp_path_factory):
    """Files of networks as trainings leave them, every weight another."""
    folder = tmp_path_factory.mktemp("trained")
    networks = {**visual_backbones, "aud_mel": audio_backbone()}
    for name, network in networks.items():
        save_model(randomise(network), folder / f"{name}.keras")
    return {name: folder / f"{name}.keras" for name in networks}


def base_of(network):
    [base] = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    return base


@pytest.mark.parametrize(("name", "size"), [("vis_inc", 80), ("vis_conv", 40)])
def test_a_trained_networks_base_is_taken_over_and_its_head_is_not(
    visual_backbones, trained, training_options, name, size
):
    options = VisualBackboneOptions(
        training=training_options(),
        batch_norm_momentum=0.75,
        head_dropout=0.3,
        frames_per_clip=2,
        **trusted(trained[name]),
    )
    [branch] = [branch for branch in BRANCHES if branch.name == name]
    network = build_visual_backbone(branch, options, input_shape=(size, size, 3), classes=3)

    old, new = base_of(visual_backbones[name]).weights, base_of(network).weights
    assert len(old) == len(new) > 100
    for before, after in zip(old, new, strict=True):
        np.testing.assert_array_equal(before, after)

    assert network.output_shape == (None, 3)
    old, new = (n.get_layer("fc1024").kernel for n in (visual_backbones[name], network))
    assert old.shape == new.shape
    assert float(keras.ops.min(old)) > 0 > float(keras.ops.min(new))


def around(*inner, name="mine"):
    return keras.Sequential([keras.Input((8,)), *inner], name=name)


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (
            lambda: around(around(name="inception_v3")),
            "the network mine, which holds inception_v3.",
        ),
        (lambda: around(around(name="convnext_tiny")), "one of other layers."),
        (lambda: around(keras.layers.Dense(2)), "the network mine."),
        (lambda: around(keras.layers.Lambda(lambda x: x + 1)), "what Keras cannot load (Req"),
    ],
)
def test_another_network_is_refused(tiny, tmp_path, make, received):
    path = tmp_path / "model.keras"
    make().save(path)
    with pytest.raises(InputError) as caught:
        build_convnext_tiny((32, 32, 3), **trusted(path))
    message = str(caught.value)
    assert f"Expected in {path} a network that this project trained as vis_conv" in message
    assert f"Received {received}" in message
    assert "Set backbones.vis_conv.weights to" in message


@pytest.mark.parametrize(
    ("build", "other", "received"),
    [
        (build_inception_v3, "vis_conv", "the network vis_conv, which holds convnext_tiny."),
        (build_convnext_tiny, "aud_mel", "the network aud_mel."),
    ],
)
def test_another_branchs_network_is_refused(tiny, trained, build, other, received):
    with pytest.raises(InputError) as caught:
        build((96, 96, 3), **trusted(trained[other]))
    assert f"Received {received}" in str(caught.value)


def test_what_is_no_network_is_refused_in_one_line(tiny, tmp_path):
    path = tmp_path / "model.keras"
    write_stock_layout(tiny, path)
    with pytest.raises(InputError, match="Received what Keras cannot load") as caught:
        build_convnext_tiny((32, 32, 3), **trusted(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.keras", "w.h5", "w.weights.h5"])
def test_damage_is_seen_before_anything_is_read(trained, tmp_path, monkeypatch, name):
    monkeypatch.setattr("avsc_kedro.models.visual.load_model", refuse)
    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", refuse)
    good = trained["aud_mel"].read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    path = tmp_path / name
    path.write_bytes(good)
    digest = trusted(path)["weights_sha256"]
    for content in (bytes(flipped), good[:-1]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"Expected sha256 {digest}"):
            build_convnext_tiny((32, 32, 3), weights=str(path), weights_sha256=digest)


def refuse(*args, **kwargs):
    raise Exception("URL fetch failure\non some address")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' folder of weights, empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def assert_says_what_to_fetch_and_where_to_put_it(message, name, cache):
    for part in ("URL fetch failure", *STOCK_WEIGHTS[name], str(cache), "or to none"):
        assert part in message
    assert "\n" not in message


def test_imagenet_without_a_network(cache, monkeypatch):
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(InputError, match=r"notop\.h5 is not there") as caught:
        build_convnext_tiny((32, 32, 3), weights="imagenet")
    assert_says_what_to_fetch_and_where_to_put_it(str(caught.value), "convnext_tiny", cache)


def test_imagenet_without_a_network_for_inception(cache, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    with pytest.raises(InputError) as caught:
        build_inception_v3((75, 75, 3), weights="imagenet")
    assert_says_what_to_fetch_and_where_to_put_it(str(caught.value), "inception_v3", cache)


def test_imagenet_damaged_and_without_a_network(cache, monkeypatch):
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(cache.parent))
    monkeypatch.setattr("keras.src.utils.file_utils.urlretrieve", refuse)
    path = cache / STOCK_WEIGHTS["convnext_tiny"].file
    path.write_bytes(b"cut off")
    digest = hashlib.sha256(b"cut off").hexdigest()
    with pytest.raises(InputError, match=f"{path.name} has sha256 {digest}") as caught:
        build_convnext_tiny((32, 32, 3), weights="imagenet")
    assert_says_what_to_fetch_and_where_to_put_it(str(caught.value), "convnext_tiny", cache)


@pytest.mark.parametrize("build", [build_inception_v3, build_convnext_tiny])
def test_a_path_that_is_not_there(tmp_path, build):
    with pytest.raises(InputError, match=r"absent.weights.h5, which is not there"):
        build((96, 96, 3), weights=str(tmp_path / "absent.weights.h5"))
    with pytest.raises(InputError, match="which is not there"):
        build((96, 96, 3), weights=str(tmp_path))


def test_a_file_that_holds_no_such_weights(tiny, tmp_path):
    path = tmp_path / "other.h5"
    path.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"Expected the layout of convnext_tiny_notop\.h5"):
        build_convnext_tiny((32, 32, 3), **trusted(path))


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
    twin = with_lean_layers(model)
    assert [type(layer).__name__ for layer in twin.layers[1:]] == [
        "DepthwiseConv2D",
        "DepthwiseConv2D",
        "Conv2D",
    ]
    assert difference(model(x), twin(x)) < TOLERANCE
