"""One writer a store."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from avsc_kedro.publish import make_folder
from avsc_kedro.stores.store_error import StoreBusyError, writing_to

LOCK = ".lock"

logger = logging.getLogger(__name__)


@contextmanager
def write_lock(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the right to change a store; the system takes it back from a process that dies.

    Args:
        folder: Folder of the store, `<kind>/<recipe>`.
        wait: Wait for another process, saying so once.

    Raises:
        StoreError: If the folder cannot be written.
        StoreBusyError: If another process writes and `wait` is False.
    """
    with writing_to(folder):
        make_folder(folder)
        lock = FileLock(folder / LOCK)
        _acquire(lock, folder, wait)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, folder: Path, wait: bool) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        message = f"{folder.parent.name}: another run is writing this store"
        if not wait:
            raise StoreBusyError(f"{message}, {folder}. Try again when it is done.") from error
        logger.info("%s; waiting for it", message)
        lock.acquire()
