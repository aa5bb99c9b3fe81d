"""The fusion layer f1..f6 and the dense layer of Phase II.

Source: section 2.2, equations 1 to 3.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from avsc_kedro.paper import AUDIO_BRANCHES, VISUAL_BRANCHES, Fusion


@keras.saving.register_keras_serializable(package="avsc_kedro")
class WeightedSum(layers.Layer):
    """Element-wise weighted sum of equally long vectors: sum_i x_i * w_i (+ b).

    One trainable weight vector per input, all ones at first; the bias zeros.
    """

    def __init__(self, use_bias: bool, **kwargs):
        super().__init__(**kwargs)
        self.use_bias = use_bias

    def build(self, input_shape):
        size = input_shape[0][-1]
        self.factors = [
            self.add_weight(shape=(size,), initializer="ones", name=f"w{index}")
            for index in range(1, len(input_shape) + 1)
        ]
        if self.use_bias:
            self.bias = self.add_weight(shape=(size,), initializer="zeros", name="b")

    def call(self, inputs):
        total = sum(x * w for x, w in zip(inputs, self.factors, strict=True))
        return total + self.bias if self.use_bias else total

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[0])

    def get_config(self):
        return {**super().get_config(), "use_bias": self.use_bias}


def _linear(embeddings, first_weights):
    """Equation 1: one biased weighted sum of all branches."""
    return _sum_of(embeddings, first_weights, use_bias=True, name="all")


def _two_level(embeddings, first_weights):
    """Equation 2: a biased weighted sum of the two modality sums."""
    sums = _modality_sums(embeddings, first_weights)
    return WeightedSum(use_bias=True, name="modalities")(sums)


def _concat(embeddings, first_weights):
    """Equation 3: the two modality sums side by side, no bias."""
    return layers.Concatenate(name="modalities")(_modality_sums(embeddings, first_weights))


def _modality_sums(embeddings, first_weights):
    sums = []
    for name, branches in (("audio", AUDIO_BRANCHES), ("visual", VISUAL_BRANCHES)):
        members = {branch: embeddings[branch] for branch in branches if branch in embeddings}
        sums.append(_sum_of(members, first_weights, use_bias=False, name=name))
    return sums


def _sum_of(embeddings, first_weights, *, use_bias, name):
    layer = WeightedSum(use_bias=use_bias, name=name)
    total = layer(list(embeddings.values()))
    for branch, factor in zip(embeddings, layer.factors, strict=True):
        factor.assign(ops.full_like(factor, first_weights[branch]))
    return total


def _ones(branches):
    return dict.fromkeys(branches, 1.0)


def _equal_modalities(branches):
    """Return weights that add up to as much as ones would, an equal part for each modality."""
    modalities = [[b for b in branches if b in of] for of in (AUDIO_BRANCHES, VISUAL_BRANCHES)]
    modalities = [members for members in modalities if members]
    part = len(branches) / len(modalities)
    return {branch: part / len(members) for members in modalities for branch in members}


COMBINE = {"linear": _linear, "two_level": _two_level, "concat": _concat}
FIRST_WEIGHTS = {"ones": _ones, "equal_modalities": _equal_modalities}


def build_fusion(
    fusion: Fusion,
    *,
    embedding_size: int,
    classes: int,
    dropout: float,
    weights_start: str = "ones",
    dense_start: str = "random",
):
    """Build the fusion layer, the dense layer and the softmax of one row of `paper.FUSIONS`.

    Args:
        fusion: The row to build.
        embedding_size: Length of every branch's embedding (1024, or the number of scenes).
        classes: Number of scenes.
        dropout: Dropped fraction of the audio-visual embedding in training.
        weights_start: The first weights of the branches: `ones`, or `equal_modalities`, which has
            sound and pictures count alike, however many networks each has.
        dense_start: The dense layer's first weights: `random` (Glorot's), or `identity`, which
            adds up the networks' weighted logits.

    f1 to f3 add up no logits: they start with ones and at random whatever these two say.

    Returns:
        A model from {branch: (batch, embedding_size)} to (batch, classes). Its layer
        `audio_visual_embedding` holds the fusion layer's output.
    """
    inputs = {name: keras.Input((embedding_size,), name=name) for name in fusion.branches}
    adds_logits = fusion.embedding == "fc10"
    first_weights = FIRST_WEIGHTS[weights_start if adds_logits else "ones"](fusion.branches)
    x = COMBINE[fusion.combine](inputs, first_weights)
    x = layers.Identity(name="audio_visual_embedding")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    dense = layers.Dense(classes, name="fc10")
    x = dense(x)
    if dense_start == "identity" and adds_logits:
        copies = dense.kernel.shape[0] // classes
        dense.kernel.assign(np.tile(np.eye(classes), (copies, 1)))
    x = layers.Softmax(name="softmax", dtype="float32")(x)
    return keras.Model(inputs, x, name=f"fusion_{fusion.name}")


def fuse(model: keras.Model, embeddings):
    """Return (audio-visual embeddings (n, d), probabilities (n, classes)) as NumPy arrays."""
    outputs = [model.get_layer("audio_visual_embedding").output, model.outputs[0]]
    both = keras.Model(model.input, outputs)
    names = list(model.input)
    fused, probabilities = both.predict({name: embeddings[name] for name in names}, verbose=0)
    return ops.convert_to_numpy(fused), ops.convert_to_numpy(probabilities)
