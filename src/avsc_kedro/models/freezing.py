"""Which weights of a network training changes: all, or those of its head alone."""

from __future__ import annotations

from collections.abc import Iterator

import keras

HEAD = ("fc1024", "head_dropout", "fc10", "softmax")


def train_head_only(network: keras.Model) -> None:
    """Let training change nothing below `fc1024`.

    Batch norms that do not train normalise by their averages, and keep them.
    """
    for layer in network.layers:
        layer.trainable = layer.name in HEAD


def train_all(network: keras.Model, *, freeze_batch_norm: bool = False) -> None:
    """Let training change every weight.

    Args:
        network: A backbone.
        freeze_batch_norm: Leave batch norms as they are: their averages, scales and
            offsets are those of the pretrained network.
    """
    # One by one: Keras passes nothing on from a network that is trainable already.
    for layer in all_layers(network):
        layer.trainable = True
    if freeze_batch_norm:
        for layer in batch_norms(network):
            layer.trainable = False


def synchronise_batch_norm(network: keras.Model, synchronised: bool) -> None:
    """Have batch norms take their moments over all devices' shares of a batch, or their own."""
    for layer in batch_norms(network):
        layer.synchronized = synchronised


def batch_norms(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the batch norms of a network and of the networks inside it."""
    return [
        layer for layer in all_layers(network) if isinstance(layer, keras.layers.BatchNormalization)
    ]


def all_layers(network: keras.Model) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network, the networks inside it, and their layers."""
    for layer in network.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from all_layers(layer)
