"""The file that features were made from, and whether it is still the same."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.publish import digest_file

ABSENT_SIZE = -1  # no file is of this size


class Source(NamedTuple):
    """One recording as it was when its features were made."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    digest: str


def identify_source(path: str) -> Source:
    """Return a file's identity: size, modification time, inode and content digest.

    Raises:
        OSError: If the file cannot be read, or is none with a beginning and an end.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # a pipe or a device may never end
        raise OSError(errno.EINVAL, "Not a regular file")
    return _source(path, status, digest_file(Path(path)))


def absent_source(path: str) -> Source:
    """Return what stands for a file that could not be read."""
    return Source(path, ABSENT_SIZE, 0, 0, "")


def confirm_source(known: Source, path: str) -> Source | None:
    """Return the identity of the file at `path` if its content is that of `known`.

    The content is read only if path, size, time or inode differ.

    Returns:
        `known` itself if nothing differs, else its content's identity of today; None
        if the content is another. A file that was absent or unreadable and still is
        counts as the same.
    """
    if known.size == ABSENT_SIZE:
        return known if known.path == path and not _is_readable(path) else None
    try:
        status = os.stat(path)
    except OSError:
        return None
    if known.size != status.st_size:
        return None
    if path == known.path and _looks_alike(known, status):
        return known
    try:
        same = digest_file(Path(path)) == known.digest
    except OSError:
        return None
    return _source(path, status, known.digest) if same else None


def _is_readable(path: str) -> bool:
    try:
        identify_source(path)
    except OSError:
        return False
    return True


def _looks_alike(known: Source, status: os.stat_result) -> bool:
    inodes = {known.inode, status.st_ino}  # 0 where a file system has none
    return known.mtime_ns == status.st_mtime_ns and (len(inodes) == 1 or 0 in inodes)


def _source(path: str, status: os.stat_result, digest: str) -> Source:
    return Source(path, status.st_size, status.st_mtime_ns, status.st_ino, digest)
