"""Trained networks on disk: Keras' .keras archive, published whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import keras
import numpy as np

from avsc_kedro.models import fusion, layers  # noqa: F401  registers the layers for loading
from avsc_kedro.publish import publish_file


def save_model(model: keras.Model, path: Path) -> None:
    """Save a network under `path` (.keras), by way of a temporary file beside it."""
    with publish_file(path) as temporary:
        model.save(temporary)


def load_model(path: Path) -> keras.Model:
    """Load a network that `save_model` wrote. No code from the file is run."""
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def digest_weights(model: keras.Model) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of a network's weights."""
    digest = hashlib.blake2b(digest_size=16)
    for array in model.get_weights():
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
