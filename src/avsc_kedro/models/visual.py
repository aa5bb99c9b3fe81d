"""The visual backbones: InceptionV3 and ConvNeXtTiny up to their global pooling.

Source: section 2.1, Figure 3. Both take what the store holds, 0 to 255, and scale
it for themselves.
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers, ops

from avsc_kedro.errors import InputError
from avsc_kedro.models.files import load_model
from avsc_kedro.models.pretrained import (
    STOCK_WEIGHTS,
    branch_of,
    explain_unfetched,
    names_file,
    names_trained_network,
    require_trusted,
    why_not_cached,
)
from avsc_kedro.options import MIN_FRAME_SIZE_PX, STOCK_LAYER_SCALE


def build_inception_v3(
    input_shape: tuple[int, int, int], *, weights: str, weights_sha256: str | None = None
) -> keras.Model:
    """Build InceptionV3 from frames 0 to 255 to its pooled 2048 features.

    Args:
        input_shape: (height, width, 3), at least 75 pixels a side.
        weights: `imagenet`, `none`, or a path: a weights file in the stock layout (.h5), or a
            network that this project trained (.keras).
        weights_sha256: Digest of the file at that path; None if it is the stock file.
    """
    application = keras.applications.InceptionV3
    stock = _build_stock("inception_v3", application, input_shape, weights, weights_sha256)
    _start_from_trained(stock, "inception_v3", weights)
    inputs = keras.Input(input_shape, name="frame")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="to_minus_one_to_one")(inputs)
    return keras.Model(inputs, stock(x), name="inception_v3")


def build_convnext_tiny(
    input_shape: tuple[int, int, int],
    *,
    weights: str,
    weights_sha256: str | None = None,
    layer_scale: float = STOCK_LAYER_SCALE,
) -> keras.Model:
    """Build ConvNeXtTiny from frames 0 to 255 to its pooled 768 features.

    The stock network normalises its input inside. Its layers are replaced by equal ones
    that a CPU runs many times faster.

    Args:
        input_shape: (height, width, 3), at least 32 pixels a side.
        weights: `imagenet`, `none`, or a path: a weights file in the stock layout (.h5), or a
            network that this project trained (.keras).
        weights_sha256: Digest of the file at that path; None if it is the stock file.
        layer_scale: What each block's output is multiplied by at first (gamma of LayerScale),
            if weights are random. At the stock 1e-6 the blocks do nothing until many steps
            have raised it.
    """
    application = keras.applications.ConvNeXtTiny
    stock = _build_stock("convnext_tiny", application, input_shape, weights, weights_sha256)
    twin = with_lean_layers(stock)
    if weights == "none":
        _scale_layers(twin, layer_scale)
    _start_from_trained(twin, "convnext_tiny", weights)
    inputs = keras.Input(input_shape, name="frame")
    return keras.Model(inputs, twin(inputs), name="convnext_tiny")


def _scale_layers(network, scale):
    for layer in network.layers:
        if type(layer).__name__ == "LayerScale":
            layer.gamma.assign(ops.full_like(layer.gamma, scale))


def with_lean_layers(model: keras.Model) -> keras.Model:
    """Return an equal model that a CPU runs faster.

    One-channel-per-group convolutions are depthwise. Dense layers get the pixels of all
    pictures as rows and compute ConvNeXt's GELU themselves: TensorFlow computes product, bias
    and GELU in one pass where nothing, not even a reshape, stands between them.

    Args:
        model: Any functional model; its weights are copied, kernels reordered from
            (rows, columns, 1, channels) to (rows, columns, channels, 1).
    """
    twin = keras.models.clone_model(
        model, clone_function=_lean_twin, call_function=_call_on_rows_of_pixels
    )
    for layer, copy in zip(model.layers, twin.layers, strict=True):
        copy.set_weights(_depthwise_weights(layer))
    return twin


def _lean_twin(layer):
    if _is_depthwise(layer):
        return _depthwise_twin(layer)
    return layer.__class__.from_config({**layer.get_config(), **_with_gelu_moved(layer)})


def _with_gelu_moved(layer):
    """Return the settings by which a ConvNeXt block's first Dense takes over its GELU."""
    if isinstance(layer, layers.Dense) and layer.name.endswith("_pointwise_conv_1"):
        return {"activation": "gelu"}
    if isinstance(layer, layers.Activation) and layer.name.endswith("_gelu"):
        return {"activation": "linear"}
    return {}


def _call_on_rows_of_pixels(layer, *args, **kwargs):
    if not isinstance(layer, layers.Dense) or None in args[0].shape[1:]:
        return layer(*args, **kwargs)
    pictures = args[0]
    rows = layer(ops.reshape(pictures, (-1, pictures.shape[-1])))
    return ops.reshape(rows, (-1, *pictures.shape[1:-1], layer.units))


def _is_depthwise(layer) -> bool:
    return isinstance(layer, layers.Conv2D) and layer.groups > 1 and layer.groups == layer.filters


def _depthwise_twin(layer):
    shared = (
        "name",
        "kernel_size",
        "strides",
        "padding",
        "dilation_rate",
        "use_bias",
        "activation",
    )
    config = layer.get_config()
    return layers.DepthwiseConv2D.from_config({key: config[key] for key in shared})


def _depthwise_weights(layer):
    weights = layer.get_weights()
    if _is_depthwise(layer):
        weights[0] = weights[0].transpose(0, 1, 3, 2)
    return weights


def _build_stock(architecture, application, input_shape, weights, weights_sha256):
    _require_large_enough(input_shape, architecture)
    if names_file(weights):
        _require_file(weights, architecture, weights_sha256)
    fetched = weights == "imagenet"
    # Asked first: Keras removes a damaged file before it tries to fetch another.
    lacking = why_not_cached(architecture) if fetched else ""
    from_scratch = weights == "none" or names_trained_network(weights)
    try:
        return application(
            include_top=False,
            weights=None if from_scratch else weights,
            input_shape=input_shape,
            pooling="avg",
        )
    except Exception as error:
        if from_scratch:
            raise
        if lacking:
            reason = f"Keras could not fetch it ({_first_line(error)})"
            raise InputError(explain_unfetched({architecture: lacking}, reason)) from error
        raise InputError(_not_the_layout(architecture, weights, error)) from error


def _require_large_enough(input_shape, architecture):
    smallest = MIN_FRAME_SIZE_PX[architecture]
    if min(input_shape[:2]) < smallest:
        raise InputError(
            f"{architecture} needs frames of at least {smallest} pixels a side. Received "
            f"{input_shape[0]}x{input_shape[1]}. Raise features.rgb.size_px."
        )


def _require_file(weights, architecture, weights_sha256):
    if not Path(weights).is_file():
        raise InputError(
            f"Expected weights to be imagenet, none or a file. Received {weights}, which is not "
            f"there. Put {STOCK_WEIGHTS[architecture].file} at that path or set weights: none."
        )
    require_trusted(Path(weights), architecture, sha256=weights_sha256)


def _not_the_layout(architecture, weights, error):
    return (
        f"Could not load {weights} into {architecture} ({_first_line(error)}). Expected the "
        f"layout of {STOCK_WEIGHTS[architecture].file}; where the name ends in .weights.h5, that "
        f"of Keras 3. Fetch it again, or rename it, or set weights: none."
    )


def _start_from_trained(network, architecture, weights):
    """Take over a trained network's weights up to its pooling; its frame size does not matter."""
    if not names_trained_network(weights):
        return
    found = _trained_base(architecture, weights)
    if _shapes(found) != _shapes(network):
        raise InputError(_not_ours(architecture, weights, "one of other layers"))
    for layer, trained in zip(network.layers, found.layers, strict=True):
        layer.set_weights(trained.get_weights())


def _trained_base(architecture, weights):
    try:
        found = load_model(Path(weights))
    except Exception as error:
        received = f"what Keras cannot load ({_first_line(error)})"
        raise InputError(_not_ours(architecture, weights, received)) from error
    bases = [layer for layer in found.layers if isinstance(layer, keras.Model)]
    for base in bases:
        if base.name == architecture:
            return base
    inside = f", which holds {', '.join(base.name for base in bases)}" if bases else ""
    raise InputError(_not_ours(architecture, weights, f"the network {found.name}{inside}"))


def _shapes(network):
    return [
        (type(layer).__name__, [weight.shape for weight in layer.weights])
        for layer in network.layers
    ]


def _not_ours(architecture, weights, received):
    branch = branch_of(architecture)
    return (
        f"Expected in {weights} a network that this project trained as {branch}, with its "
        f"{architecture}. Received {received}. Set backbones.{branch}.weights to such a "
        f"model.keras of {branch}, or to imagenet or none."
    )


def _first_line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0]
