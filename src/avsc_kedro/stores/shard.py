"""One shard: the features of a few clips in one HDF5 file, immutable once published.

Rows lie contiguous and little-endian, so that a reader maps them into memory. A
description beside them says what they are; the file is named after its digest.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import h5py
import numpy as np

from avsc_kedro.publish import publish_open
from avsc_kedro.stores.hdf5_file import UNREADABLE, writing_hdf5
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.source import Source


class Row(NamedTuple):
    """Where the features of one clip lie.

    `checksum` is the CRC-32 of the row's bytes, quick enough for every first read;
    `digest` is their BLAKE2b (16 hexadecimal digits), which says what they are.
    """

    clip_id: str
    shard: str
    index: int
    checksum: int
    digest: str
    source: Source


class Failure(NamedTuple):
    """A clip that could not be turned into features: what it should be, what it is, what to do.

    `expected` and `remedy` may be empty; `received` then says all there is to say.
    """

    clip_id: str
    source: Source
    expected: str
    received: str
    remedy: str

    @property
    def reason(self) -> str:
        """All of it in one line."""
        if not self.expected:
            return self.received
        where = self.source.path
        return f"Expected {self.expected}. Received {self.received} from {where}. {self.remedy}"


class Place(NamedTuple):
    """How large a shard's file is, and at which byte its rows begin."""

    bytes: int
    offset: int


class Shard(NamedTuple):
    """What one shard holds. Without any row there is no file: no name and no place."""

    name: str | None
    place: Place | None
    rows: list[Row]
    failures: list[Failure]


def write_shard(
    folder: Path,
    *,
    recipe: Recipe,
    clip_ids: list[str],
    features: np.ndarray,
    sources: list[Source],
    failures: list[Failure] | None = None,
) -> Shard:
    """Write one shard durably, and read it back before it gets its name.

    Args:
        folder: Folder of shards.
        recipe: Recipe the features were made by.
        clip_ids: Clip of each row.
        features: Rows, (clips, *recipe.shape), little-endian, at least one.
        sources: File of each row.
        failures: Clips of the same task that could not be decoded.

    Raises:
        OSError: If the disk is full, the folder cannot be written, or the disk does
            not give back what was written.
    """
    rows = [
        (clip, checksum(row), digest_row(row), source)
        for clip, row, source in zip(clip_ids, features, sources, strict=True)
    ]
    content = {"recipe": recipe.id, "rows": rows, "failures": failures or []}
    description = json.dumps(content).encode()
    name = _name(description)
    with publish_open(folder / name) as file:
        with writing_hdf5(file) as hdf5:
            hdf5.create_dataset("features", data=features)  # contiguous by default
            # Bytes, not a string: HDF5 may never return from a damaged variable-length string.
            hdf5.create_dataset("description", data=np.frombuffer(description, np.uint8))
        shard = _inspect(file, name, recipe)
        if shard is None:
            raise OSError(f"{folder / name} does not read back as it was written")
    return shard


def read_shard(path: Path, *, recipe: Recipe) -> Shard | None:
    """Return what a shard holds, or None if anything in it is not as it was written.

    Its description must have the digest in the file's name and be of this recipe, and
    every row its checksum.
    """
    try:
        with open(path, "rb") as file:
            return _inspect(file, path.name, recipe)
    except OSError:
        return None


def checksum(row: np.ndarray) -> int:
    """Return the CRC-32 of a row's bytes."""
    return zlib.crc32(_bytes(row))


def digest_row(row: np.ndarray) -> str:
    """Return the BLAKE2b digest (16 hexadecimal digits) of a row's bytes."""
    return hashlib.blake2b(_bytes(row), digest_size=8).hexdigest()


def _inspect(file: BinaryIO, name: str, recipe: Recipe) -> Shard | None:
    try:
        size = file.seek(0, 2)
        with h5py.File(file, "r") as hdf5:
            features, described = hdf5["features"], hdf5["description"]
            if described.size > size or described.dtype != np.uint8:
                return None
            description = described[:].tobytes()
            place = Place(size, features.id.get_offset())
            layout = (features.shape[1:], features.dtype, len(features))
        if _name(description) != name:
            return None
        shard = _parse(json.loads(description), name, place, recipe)
    except UNREADABLE:
        return None
    if shard is None or layout != (recipe.shape, np.dtype(recipe.dtype), len(shard.rows)):
        return None
    return shard if _rows_are_intact(file, shard, recipe) else None


def _parse(content: dict, name: str, place: Place, recipe: Recipe) -> Shard | None:
    if content["recipe"] != recipe.id:
        return None
    rows = [
        Row(clip, name, index, crc, digest, Source(*source))
        for index, (clip, crc, digest, source) in enumerate(content["rows"])
    ]
    failures = [Failure(clip, Source(*file), *why) for clip, file, *why in content["failures"]]
    return Shard(name, place, rows, failures)


def _rows_are_intact(file: BinaryIO, shard: Shard, recipe: Recipe) -> bool:
    file.seek(shard.place.offset)
    return all(zlib.crc32(file.read(recipe.row_bytes)) == row.checksum for row in shard.rows)


def _name(description: bytes) -> str:
    return f"{hashlib.blake2b(description, digest_size=12).hexdigest()}.h5"


def _bytes(row: np.ndarray) -> memoryview:
    return np.ascontiguousarray(row).view(np.uint8).reshape(-1).data
