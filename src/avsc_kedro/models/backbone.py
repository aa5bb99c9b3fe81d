"""A whole Phase I network: architecture, then FC(1024), FC(classes), softmax.

Source: section 2.1, lower part of Figures 2 and 3.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from avsc_kedro.models.freezing import batch_norms
from avsc_kedro.models.residual_inception import build_residual_inception
from avsc_kedro.models.visual import build_convnext_tiny, build_inception_v3
from avsc_kedro.options import AudioBackboneOptions, BackboneOptions, VisualBackboneOptions
from avsc_kedro.paper import EMBEDDING_SIZE, Branch

EMBEDDING_LAYERS = ("fc1024", "fc10")
# Two tables, so that an edit of one modality's networks is no reason to train the other's.
AUDIO_ARCHITECTURES = {"residual_inception": build_residual_inception}
WEIGHTS = ("weights", "weights_sha256")
VISUAL_ARCHITECTURES = {  # how to build it, and which options it takes
    "inception_v3": (build_inception_v3, WEIGHTS),
    "convnext_tiny": (build_convnext_tiny, (*WEIGHTS, "layer_scale")),
}


def build_audio_backbone(
    branch: Branch,
    options: AudioBackboneOptions,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    mean: np.ndarray,
    variance: np.ndarray,
) -> keras.Model:
    """Build an audio network with its embedding layers `fc1024` and `fc10`.

    Args:
        branch: The row of `paper.BRANCHES` to build.
        options: Widths and head of the network.
        input_shape: (bands, frames, channels) of the stored spectrogram.
        classes: Number of scenes.
        mean: Per-channel mean of the delta-stacked train spectrograms.
        variance: Per-channel variance of the same.
    """
    base = AUDIO_ARCHITECTURES[branch.architecture](
        input_shape,
        widths=options.widths,
        mean=mean,
        variance=variance,
        residual_normalisation=options.residual_normalisation,
    )
    return _with_head(base, branch, options, classes)


def build_visual_backbone(
    branch: Branch, options: VisualBackboneOptions, *, input_shape: tuple[int, ...], classes: int
) -> keras.Model:
    """Build a visual network on single frames, head as for `build_audio_backbone`."""
    build, taken = VISUAL_ARCHITECTURES[branch.architecture]
    base = build(input_shape, **{name: getattr(options, name) for name in taken})
    return _with_head(base, branch, options, classes)


def embedding_model(network: keras.Model) -> keras.Model:
    """Return the network with three outputs: `fc1024` after ReLU, `fc10` before softmax, and
    `probabilities`."""
    outputs = {name: network.get_layer(name).output for name in EMBEDDING_LAYERS}
    return keras.Model(network.input, {**outputs, "probabilities": network.outputs[0]})


def count_trainable_parameters(layer: keras.layers.Layer) -> int:
    """Count the weights of a layer or network that training changes."""
    return int(sum(np.prod(variable.shape) for variable in layer.trainable_variables))


def _with_head(base, branch: Branch, options: BackboneOptions, classes: int) -> keras.Model:
    # In float32 whatever the precision of the rest: embeddings are kept, and softmax overflows.
    single = {"dtype": "float32"}
    x = layers.Dense(EMBEDDING_SIZE, activation="relu", name="fc1024", **single)(base.outputs[0])
    x = layers.Dropout(options.head_dropout, name="head_dropout", **single)(x)
    x = layers.Dense(classes, name="fc10", **single)(x)
    x = layers.Softmax(name="softmax", **single)(x)
    network = keras.Model(base.input, x, name=branch.name)
    for layer in batch_norms(network):
        layer.momentum = options.batch_norm_momentum
    return network
