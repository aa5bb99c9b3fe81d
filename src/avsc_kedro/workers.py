"""Pools of processes for work that decodes and computes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

import cv2
from threadpoolctl import threadpool_limits

from avsc_kedro.errors import InputError


def usable_cpus() -> int:
    """Return how many processors this process may use, which can be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    pool: Executor,
    work: Callable,
    tasks: list,
    *,
    doing: str = "working",
    remedy: str = "Run the same command again, with fewer extraction.workers.",
) -> Iterator[tuple[Any, Any]]:
    """Run `work` on every task and yield (task, result) as they are done.

    On an error the tasks not yet started are dropped.

    Args:
        pool: From `open_pool`.
        work: A function of one task.
        tasks: What `work` is called with, one by one.
        doing: What the workers do, for the error's text.
        remedy: The next step if a worker died.

    Raises:
        InputError: If a worker process died.
    """
    futures = {}
    try:
        futures.update((pool.submit(work, task), task) for task in tasks)
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"A worker process died while {doing}; most often memory ran out. {remedy}"
        ) from error
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def open_pool(workers: int | None) -> Iterator[Executor]:
    """Open a pool of spawned processes, each with one numeric thread.

    Args:
        workers: Number of processes; None takes as many as there are usable processors.
    """
    with ProcessPoolExecutor(
        max_workers=workers or usable_cpus(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
    ) as pool:
        yield pool


def end_with_parent() -> None:
    """End this process as soon as the one that started it has ended, however that ended.

    A killed parent cannot end its children, and those of a pool would wait for work for ever.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _start_worker() -> None:
    end_with_parent()
    _use_one_thread()


def _use_one_thread() -> None:
    """Bytes must not depend on how many threads a machine has."""
    threadpool_limits(1)
    cv2.setNumThreads(1)
