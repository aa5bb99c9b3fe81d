"""A pool of processes of which one may die without the others."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from avsc_kedro.workers.process import start_worker, usable_cpus


@contextmanager
def open_pool(workers: int | None) -> Iterator[Executor]:
    """Open a pool of spawned processes, each with one numeric thread.

    A task whose process dies has `BrokenProcessPool` for a result; the others go on.

    Args:
        workers: Number of processes; None takes as many as there are usable processors.
    """
    with Lanes(workers or usable_cpus()) as pool:
        yield pool


class Lanes(Executor):
    """One thread and one pool of a single process for each worker.

    A pool of many processes ends all of them when one dies.
    """

    def __init__(self, workers: int):
        self.workers = workers
        self._threads = ThreadPoolExecutor(workers)
        self._lane = threading.local()
        self._lock = threading.Lock()
        self._open: set[ProcessPoolExecutor] = set()

    def submit(self, work: Callable, /, *args: Any, **kwargs: Any) -> Future:
        return self._threads.submit(self._run, work, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        with self._lock:
            lanes, self._open = self._open, set()
        for lane in lanes:
            lane.shutdown(wait=wait)

    def _run(self, work: Callable, *args: Any, **kwargs: Any) -> Any:
        lane = getattr(self._lane, "pool", None) or self._new_lane()
        try:
            return lane.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            self._lane.pool = None
            with self._lock:
                self._open.discard(lane)
            lane.shutdown()
            raise

    def _new_lane(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        lane = ProcessPoolExecutor(1, mp_context=spawn, initializer=start_worker)
        self._lane.pool = lane
        with self._lock:
            self._open.add(lane)
        return lane
