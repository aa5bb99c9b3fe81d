"""Pools of processes for work that decodes and computes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

import cv2
from threadpoolctl import threadpool_limits


def run_all(pool: Executor, work: Callable, tasks: list) -> Iterator[tuple[Any, Any]]:
    """Run `work` on every task and yield (task, result) as they are done.

    On an error the tasks not yet started are dropped.
    """
    futures = {pool.submit(work, task): task for task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def open_pool(workers: int | None) -> Iterator[Executor]:
    """Open a pool of spawned processes, each with one numeric thread."""
    with ProcessPoolExecutor(
        max_workers=workers or os.cpu_count(),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_use_one_thread,
    ) as pool:
        yield pool


def _use_one_thread() -> None:
    """Bytes must not depend on how many threads a machine has."""
    threadpool_limits(1)
    cv2.setNumThreads(1)
