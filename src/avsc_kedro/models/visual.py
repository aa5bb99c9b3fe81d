"""The visual backbones: InceptionV3 and ConvNeXtTiny up to their global pooling.

Source: section 2.1, Figure 3. Both take what the store holds, 0 to 255, and scale
it for themselves.
"""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers

from avsc_kedro.errors import InputError
from avsc_kedro.options import MIN_FRAME_SIZE_PX, STOCK_WEIGHT_FILES


def build_inception_v3(input_shape: tuple[int, int, int], *, weights: str) -> keras.Model:
    """Build InceptionV3 from frames 0 to 255 to its pooled 2048 features.

    Args:
        input_shape: (height, width, 3), at least 75 pixels a side.
        weights: `imagenet`, `none`, or the path of a weights file in the stock layout.
    """
    stock = _build_stock("inception_v3", keras.applications.InceptionV3, input_shape, weights)
    inputs = keras.Input(input_shape, name="frame")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="to_minus_one_to_one")(inputs)
    return keras.Model(inputs, stock(x), name="inception_v3")


def build_convnext_tiny(input_shape: tuple[int, int, int], *, weights: str) -> keras.Model:
    """Build ConvNeXtTiny from frames 0 to 255 to its pooled 768 features.

    The stock network normalises its input inside. Its 7x7 depthwise steps are
    grouped convolutions, hundreds of times slower on CPU than the equal
    DepthwiseConv2D that replaces them here.

    Args:
        input_shape: (height, width, 3), at least 32 pixels a side.
        weights: `imagenet`, `none`, or the path of a weights file in the stock layout.
    """
    stock = _build_stock("convnext_tiny", keras.applications.ConvNeXtTiny, input_shape, weights)
    inputs = keras.Input(input_shape, name="frame")
    return keras.Model(inputs, with_depthwise_convolutions(stock)(inputs), name="convnext_tiny")


def with_depthwise_convolutions(model: keras.Model) -> keras.Model:
    """Return an equal model whose one-channel-per-group convolutions are depthwise.

    Args:
        model: Any functional model; its weights are copied, kernels reordered from
            (rows, columns, 1, channels) to (rows, columns, channels, 1).
    """
    twin = keras.models.clone_model(model, clone_function=_depthwise_twin)
    for layer, copy in zip(model.layers, twin.layers, strict=True):
        copy.set_weights(_depthwise_weights(layer))
    return twin


def _is_depthwise(layer) -> bool:
    return isinstance(layer, layers.Conv2D) and layer.groups > 1 and layer.groups == layer.filters


def _depthwise_twin(layer):
    if not _is_depthwise(layer):
        return layer.__class__.from_config(layer.get_config())
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


def _build_stock(architecture, application, input_shape, weights):
    smallest = MIN_FRAME_SIZE_PX[architecture]
    if min(input_shape[:2]) < smallest:
        raise InputError(
            f"{architecture} needs frames of at least {smallest} pixels a side. Received "
            f"{input_shape[0]}x{input_shape[1]}. Raise features.rgb.size_px."
        )
    stock_weights = {"imagenet": "imagenet", "none": None}.get(weights, weights)
    if weights not in ("imagenet", "none") and not Path(weights).is_file():
        raise InputError(
            f"Expected weights to be imagenet, none or a file. Received {weights}, which is not "
            f"there. Put {STOCK_WEIGHT_FILES[architecture]} at that path or set weights: none."
        )
    try:
        return application(
            include_top=False, weights=stock_weights, input_shape=input_shape, pooling="avg"
        )
    except Exception as error:
        if weights == "none":
            raise
        raise InputError(_missing_weights(architecture, weights, error)) from error


def _missing_weights(architecture, weights, error):
    name = STOCK_WEIGHT_FILES[architecture]
    if weights == "imagenet":
        return (
            f"The ImageNet weights of {architecture} could not be fetched ({error}). On a machine "
            f"with a network, get {name} from the Keras applications release and put it into "
            f"~/.keras/models/, or set backbones.<branch>.weights to its path, or to none for "
            f"random initialisation."
        )
    return (
        f"Could not load {weights} into {architecture} ({error}). Expected the stock file {name}. "
        f"Fetch it again or set weights: none."
    )
