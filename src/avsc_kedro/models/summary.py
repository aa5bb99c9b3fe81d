"""What a trained backbone is made of: its stages, their outputs and weights."""

from __future__ import annotations

from typing import Any

import keras

from avsc_kedro.models.backbone import count_trainable_parameters
from avsc_kedro.models.files import digest_weights


def summarise_network(network: keras.Model) -> dict[str, Any]:
    """Return a backbone's digest, trainable parameters and stages as plain data.

    Layers whose names share the part before the first underscore form one stage,
    except those with a name of their own, such as `fc1024`.
    """
    stages: dict[str, dict[str, Any]] = {}
    for layer in network.layers:
        stage = stages.setdefault(_stage(layer), {"parameters": 0})
        stage["output_shape"] = list(layer.output.shape[1:])
        stage["parameters"] += count_trainable_parameters(layer)
    return {
        "network": network.name,
        "model_digest": digest_weights(network),
        "trainable_parameters": count_trainable_parameters(network),
        "stages": [{"title": title, **stage} for title, stage in stages.items()],
    }


def _stage(layer) -> str:
    if isinstance(layer, keras.Model):
        return layer.name
    prefix = layer.name.split("_")[0]
    return prefix if prefix.startswith(("double", "residual")) else layer.name
