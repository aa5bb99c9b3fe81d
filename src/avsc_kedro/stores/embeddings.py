"""The embeddings of one branch in one HDF5 file, with the digest of the model that made them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from avsc_kedro.publish import publish_file


class Embeddings(NamedTuple):
    """Named vectors of clips.

    `splits` says in which split each clip was then, and `labels` the scene of each
    output: Phase II must use the same, or clips that trained would be evaluated.
    `vectors` maps a name (`fc1024`, `fc10`, `probabilities`, or `audio_visual`) to
    (clips, size) float32 in the order of `clip_ids`.
    """

    clip_ids: list[str]
    splits: list[str]
    labels: list[str]
    vectors: dict[str, np.ndarray]
    model_digest: str

    def select(self, clip_ids: list[str], name: str) -> np.ndarray:
        """Return the vectors `name` of some clips, (clips, size)."""
        positions = {clip: position for position, clip in enumerate(self.clip_ids)}
        return self.vectors[name][[positions[clip] for clip in clip_ids]]


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write embeddings whole or not at all."""
    with publish_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["model_digest"] = embeddings.model_digest
        for name in ("clip_ids", "splits", "labels"):
            file.create_dataset(name, data=getattr(embeddings, name), dtype=h5py.string_dtype())
        for name, values in embeddings.vectors.items():
            file.create_dataset(f"vectors/{name}", data=np.asarray(values, dtype="<f4"))


def read_embeddings(path: Path) -> Embeddings:
    """Read what `write_embeddings` wrote."""
    with h5py.File(path, "r") as file:
        return Embeddings(
            **{name: _texts(file[name]) for name in ("clip_ids", "splits", "labels")},
            vectors={name: values[:] for name, values in file["vectors"].items()},
            model_digest=file.attrs["model_digest"],
        )


def _texts(dataset: h5py.Dataset) -> list[str]:
    return [text.decode() for text in dataset[:]]
