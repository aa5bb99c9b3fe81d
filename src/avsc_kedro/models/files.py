"""Trained networks on disk: Keras' .keras archive, published whole or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import keras
import numpy as np

from avsc_kedro.models import fusion, layers  # noqa: F401  registers the layers for loading
from avsc_kedro.models.freezing import all_layers
from avsc_kedro.publish import publish_file

METADATA, CONFIG = "metadata.json", "config.json"
SHARED = "shared_object_id"
NO_DATE = "1980-01-01@00:00:00"  # as Keras writes dates; the first that a zip knows
NO_CONSTANTS = {"name", "seed", "trainable"}  # of a layer's settings: they leave outputs alone


def save_model(model: keras.Model, path: Path) -> None:
    """Save a network under `path` (.keras), by way of a temporary file beside it.

    The same network gives the same bytes, whenever it is saved.
    """
    with publish_file(path) as temporary:
        model.save(temporary)
        _make_reproducible(temporary)


def load_model(path: Path) -> keras.Model:
    """Load a network that `save_model` wrote. No code from the file is run."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def digest_weights(model: keras.Model) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of all that decides a network's outputs.

    Weights, and the constants of its layers, such as the mean of a normalisation, which
    are no weights. Names and random seeds are left out.
    """
    digest = hashlib.blake2b(digest_size=16)
    for layer in all_layers(model):
        if not isinstance(layer, keras.Model):
            digest.update(_constants(layer).encode())
    for array in model.get_weights():
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _make_reproducible(path: Path) -> None:
    """Write an archive anew, dated as if saved at `NO_DATE`, its entries ordered by name.

    Objects that layers share are numbered; Keras names them by their place in memory.
    """
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = {**json.loads(entries[METADATA]), "date_saved": NO_DATE}
    entries[METADATA] = json.dumps(metadata).encode()
    numbers: dict[int, int] = {}

    def number(part: dict) -> dict:
        if SHARED in part:
            part[SHARED] = numbers.setdefault(part[SHARED], len(numbers))
        return part

    config = json.loads(entries[CONFIG], object_hook=number)
    entries[CONFIG] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content)


def _constants(layer: keras.layers.Layer) -> str:
    """Return a layer's class and settings as JSON, the same text before and after a file.

    None and False, which a later Keras may add, and nested objects, which initialise or
    regularise weights, are no constants.
    """
    settings = {
        key: value
        for key, value in layer.get_config().items()
        if key not in NO_CONSTANTS and value is not None and value is not False
    }
    plain = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    # An input computes nothing, and a file forgets in which precision it was made.
    computes_in = "" if isinstance(layer, keras.layers.InputLayer) else layer.compute_dtype
    named = [type(layer).__name__, computes_in, plain]
    return json.dumps(named, sort_keys=True, default=lambda array: np.asarray(array).tolist())
