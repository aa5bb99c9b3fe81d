"""What a process does to be a worker: one numeric thread, and an end when it must end."""

from __future__ import annotations

import ctypes
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

# Options of glibc's mallopt, from its malloc.h: blocks up to 1 GB lie in the heap, which gives
# back what is free beyond 2 GB and grows by 64 MB.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
KEEP_MEMORY = {M_MMAP_THRESHOLD: 1 << 30, M_TRIM_THRESHOLD: (1 << 31) - 1, M_TOP_PAD: 1 << 26}

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


def keep_freed_memory() -> None:
    """Have this process keep the memory it frees for what it needs next.

    A training asks for the same large blocks at every step. glibc hands them back to the
    system in between, and gets them again page by page, each filled with zeros. Does nothing
    where the C library is another.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for option, value in KEEP_MEMORY.items():
        set_option(option, value)
