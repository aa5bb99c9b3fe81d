"""What a process does to be a worker: one numeric thread, and an end when it must end."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import wait
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

_is_worker = False  # there for a pool's tasks alone, so that it may be ended


def usable_cpus() -> int:
    """Return how many processors this process may use, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_worker() -> None:
    """Make this a worker process of a pool."""
    end_with_parent()
    become_worker()


@cache
def become_worker() -> None:
    """Give this process one numeric thread, and let `time_limit` end it.

    Bytes must not depend on how many threads a machine has.
    """
    global _is_worker
    threadpool_limits(1)
    cv2.setNumThreads(1)
    _is_worker = True


@contextmanager
def time_limit(seconds: float, log: Path) -> Iterator[None]:
    """End this process if the block takes longer, or crashes; the log says which.

    Nothing else helps against a decoder that never returns: it may hold Python's own
    lock. Only a worker is ended, one task at a time; elsewhere the block just runs.

    Args:
        seconds: How long the block may take.
        log: File for what Python's fault handler says of the end; its first line
            begins with `Timeout` or `Fatal Python error`.
    """
    if not _is_worker:
        yield
        return
    with open(log, "w") as file:
        faulthandler.enable(file, all_threads=False)
        faulthandler.dump_traceback_later(seconds, exit=True, file=file)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            faulthandler.disable()


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that ended.

    A killed parent cannot end its children, and those of a pool would wait for work for ever.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
