"""Changes to the disk that survive a crash: a file appears whole or not at all.

Every call that changes the disk goes through `open` and `os` as this module names
them, so that tests can make any one of them fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def publish_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success make it durable at `path`.

    The temporary keeps the suffix, as some writers choose their format by it. On
    an error it is removed and `path` stays as it was.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    with _replacing(Path(path)) as temporary:
        yield temporary
        _sync(temporary)


@contextlib.contextmanager
def publish_open(path: Path) -> Iterator[BinaryIO]:
    """Like `publish_file`, but yield the temporary as a file open for reading and writing."""
    with _replacing(Path(path)) as temporary, open(temporary, "x+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def publish_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` whole or not at all."""
    with publish_open(path) as file:
        file.write(content)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, durably."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process made it first
            os.mkdir(folder)
        _sync(folder.parent)


def move_file(path: Path, target: Path) -> None:
    """Move a file to a path on the same disk, durably."""
    make_folder(target.parent)
    os.replace(path, target)
    _sync(target.parent)
    _sync(path.parent)


def remove_file(path: Path) -> None:
    """Remove a file; one that is gone already is no error."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def digest_file(path: Path) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of a file's content."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    make_folder(path.parent)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # the first error is the one to tell
            os.unlink(temporary)
        raise


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
