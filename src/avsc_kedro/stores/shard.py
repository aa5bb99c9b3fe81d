"""One shard: the features of a few clips in one HDF5 file, immutable once published.

Rows lie contiguous and little-endian, so that a reader maps them into memory.
Each row has a CRC-32 and the identity of the file it came from.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from avsc_kedro.publish import digest_file, publish_file

# What h5py raises on a damaged file, depending on where the damage lies.
UNREADABLE = (OSError, RuntimeError, AttributeError, KeyError, TypeError, ValueError)


class Source(NamedTuple):
    """The file one row was made from, as it was then."""

    path: str
    size: int
    mtime_ns: int
    digest: str


class Row(NamedTuple):
    """Where the features of one clip lie."""

    clip_id: str
    shard: str
    index: int
    checksum: int
    source: Source


def identify_source(path: str) -> Source:
    """Return a file's size, modification time and content digest."""
    status = Path(path).stat()
    return Source(path, status.st_size, status.st_mtime_ns, digest_file(Path(path)))


def write_shard(
    folder: Path,
    *,
    recipe_id: str,
    clip_ids: list[str],
    features: np.ndarray,
    sources: list[Source],
) -> str:
    """Write one shard durably and return its file name, which carries its content's digest.

    Args:
        folder: Folder of shards.
        recipe_id: Recipe the features were made by.
        clip_ids: Clip of each row.
        features: Rows, (clips, *shape), little-endian.
        sources: File of each row.
    """
    checksums = [_checksum(row) for row in features]
    name = f"{_digest_rows(recipe_id, clip_ids, checksums)}.h5"
    with publish_file(folder / name) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("features", data=features)  # contiguous by default
        rows = [
            {"clip_id": clip, "checksum": crc, "source": source}
            for clip, crc, source in zip(clip_ids, checksums, sources, strict=True)
        ]
        description = json.dumps({"recipe": recipe_id, "rows": rows}).encode()
        # Bytes, not a string: HDF5 may never return from a damaged variable-length string.
        file.create_dataset("description", data=np.frombuffer(description, np.uint8))
    return name


def read_rows(path: Path, *, recipe_id: str) -> list[Row] | None:
    """Return the rows a shard holds, or None if it is unreadable or of another recipe."""
    try:
        with h5py.File(path, "r") as file:
            description = json.loads(file["description"][:].tobytes())
            count = len(file["features"])
        rows = [
            Row(row["clip_id"], path.name, index, row["checksum"], Source(*row["source"]))
            for index, row in enumerate(description["rows"])
        ]
        return rows if description["recipe"] == recipe_id and len(rows) == count else None
    except UNREADABLE:
        return None


def map_features(path: Path) -> np.ndarray:
    """Map a shard's features into memory, (clips, *shape), read-only."""
    with h5py.File(path, "r") as file:
        dataset = file["features"]
        offset, shape, dtype = dataset.id.get_offset(), dataset.shape, dataset.dtype
    return np.memmap(path, mode="r", dtype=dtype, shape=shape, offset=offset)


def row_is_intact(row: np.ndarray, checksum: int) -> bool:
    """Whether a row's bytes still have the checksum they were written with."""
    return _checksum(row) == checksum


def _checksum(row: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(row).view(np.uint8).reshape(-1).data)


def _digest_rows(recipe_id, clip_ids, checksums) -> str:
    text = json.dumps([recipe_id, clip_ids, checksums])
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
