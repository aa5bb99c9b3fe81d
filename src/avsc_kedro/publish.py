"""Write a file aside, then put it in place whole: no reader sees half of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def publish_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success make it durable at `path`.

    The temporary keeps the suffix, as some writers choose their format by it. On
    an error it is removed and `path` stays as it was.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def publish_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` whole or not at all."""
    with publish_file(path) as temporary:
        temporary.write_bytes(content)


def digest_file(path: Path) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of a file's content."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
