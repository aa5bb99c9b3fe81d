"""The embeddings of one branch or fusion in one HDF5 file, with what they were made from.

The file's first 512 bytes, HDF5's user block, hold the checksum of all bytes after it.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from avsc_kedro.publish import publish_bytes

USER_BLOCK_BYTES = 512  # the smallest that HDF5 allows
TEXTS = ("clip_ids", "splits", "labels")


class Embeddings(NamedTuple):
    """Named vectors of clips.

    `splits` says in which split each clip was then, and `labels` the scene of each
    output: Phase II must use the same, or clips that trained would be evaluated.
    `vectors` maps a name (`fc1024`, `fc10`, `probabilities`, or `audio_visual`) to
    (clips, size) float32 in the order of `clip_ids`.
    `made_from` maps `model` to the network's digest; then, for a branch, `features` to
    that of its store, and for a fusion each branch to that of its embeddings.
    """

    clip_ids: list[str]
    splits: list[str]
    labels: list[str]
    vectors: dict[str, np.ndarray]
    made_from: dict[str, str]

    @property
    def digest(self) -> str:
        """BLAKE2b digest (32 hexadecimal digits) of clips, splits, labels and vectors."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr((self.clip_ids, self.splits, self.labels)).encode())
        for name, values in sorted(self.vectors.items()):
            stored = _stored(values)
            digest.update(repr((name, stored.shape)).encode())
            digest.update(stored.tobytes())
        return digest.hexdigest()

    def select(self, clip_ids: list[str], name: str) -> np.ndarray:
        """Return the vectors `name` of some clips, (clips, size)."""
        positions = {clip: position for position, clip in enumerate(self.clip_ids)}
        return self.vectors[name][[positions[clip] for clip in clip_ids]]


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write embeddings whole or not at all."""
    written = io.BytesIO()
    with h5py.File(written, "w", userblock_size=USER_BLOCK_BYTES) as file:
        file.create_group("made_from").attrs.update(embeddings.made_from)
        for name in TEXTS:
            file.create_dataset(name, data=getattr(embeddings, name), dtype=h5py.string_dtype())
        for name, values in embeddings.vectors.items():
            file.create_dataset(f"vectors/{name}", data=_stored(values))
    content = written.getbuffer()
    content[:USER_BLOCK_BYTES] = _user_block(content[USER_BLOCK_BYTES:])
    publish_bytes(path, content)


def read_embeddings(path: Path) -> Embeddings:
    """Read what `write_embeddings` wrote.

    Raises:
        ValueError: If any byte of the file is not the one that was written.
    """
    content = Path(path).read_bytes()
    if content[:USER_BLOCK_BYTES] != _user_block(memoryview(content)[USER_BLOCK_BYTES:]):
        raise ValueError("its content does not have the checksum it begins with")
    with h5py.File(io.BytesIO(content), "r") as file:
        return Embeddings(
            **{name: _texts(file[name]) for name in TEXTS},
            vectors={name: values[:] for name, values in file["vectors"].items()},
            made_from=dict(file["made_from"].attrs),
        )


def _user_block(content: bytes | memoryview) -> bytes:
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    return f"avsc_kedro embeddings, blake2b {digest}\n".encode().ljust(USER_BLOCK_BYTES, b"\0")


def _stored(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype="<f4")


def _texts(dataset: h5py.Dataset) -> list[str]:
    return [text.decode() for text in dataset[:]]
