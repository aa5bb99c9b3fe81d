"""Many tasks over any executor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import Empty, SimpleQueue
from typing import Any

from avsc_kedro.errors import InputError

SECONDS_BETWEEN_LOOKS = 10


def run_all(
    pool: Executor,
    work: Callable,
    tasks: list,
    *,
    doing: str = "working",
    remedy: str = "Run the same command again, with fewer extraction.workers.",
    try_again: Callable[[Any], bool] = lambda task: False,
) -> Iterator[tuple[Any, Any]]:
    """Run `work` on every task and yield (task, result) as they are done.

    On an error the tasks not yet started are dropped.

    Args:
        pool: From `open_pool` or `open_cluster`, or any other.
        work: A function of one task.
        tasks: What `work` is called with, one by one.
        doing: What the workers do, for the error's text.
        remedy: The next step if a worker died.
        try_again: Whether a task at which a worker died is to be tried once more.

    Raises:
        InputError: If a worker process died, and its task is not to be tried again, or
            the pool is no more.
    """
    running = _Running(pool, work, tasks)
    try:
        while running.tasks:
            future, task = running.next_done()
            error = _error_of(future, doing)
            if error is None:
                running.progress += 1
                yield task, future.result()
            elif not _is_death(error):
                raise error
            elif try_again(task):
                running.progress += 1
                running.submit(task)
            elif _is_killed_by_dask(error) and running.may_be_innocent(task):
                running.submit(task)
            else:
                raise InputError(
                    f"A worker process died while {doing}; most often memory ran out. {remedy}"
                ) from error
    finally:
        for future in list(running.tasks):
            future.cancel()


class _Running:
    """The tasks under way.

    Attributes:
        tasks: By their futures.
        progress: Grows with each task done, and with each death that was explained.
    """

    def __init__(self, pool: Executor, work: Callable, tasks: list):
        self.tasks: dict[Future, Any] = {}
        self.progress = 0
        self._pool, self._work = pool, work
        self._done: SimpleQueue[Future] = SimpleQueue()
        self._suspected: dict[int, int] = {}
        for task in tasks:
            self.submit(task)

    def submit(self, task: Any) -> None:
        future = self._pool.submit(self._work, task)
        self.tasks[future] = task
        future.add_done_callback(self._done.put)

    def next_done(self) -> tuple[Future, Any]:
        """Wait for a task to end; meanwhile let the pool say what is wrong with it."""
        look = getattr(self._pool, "look", lambda: None)
        while True:
            try:
                future = self._done.get(timeout=SECONDS_BETWEEN_LOOKS)
            except Empty:
                look()
            else:
                return future, self.tasks.pop(future)

    def may_be_innocent(self, task: Any) -> bool:
        """Whether a task that was queued where others died gets another chance.

        dask suspects whatever waits on a worker that dies. The first time is free;
        later, something must have come of it since.
        """
        seen = self._suspected.get(id(task), -1)
        self._suspected[id(task)] = self.progress
        return self.progress > seen


def _error_of(future: Future, doing: str) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        raise InputError(
            f"The workers went away while {doing}. What they finished is kept: see that the "
            "scheduler and its workers run, then run the same command again."
        ) from error


def _is_death(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor) or _is_killed_by_dask(error)


def _is_killed_by_dask(error: BaseException) -> bool:
    distributed = sys.modules.get("distributed")  # imported only where a cluster is used
    return distributed is not None and isinstance(error, distributed.KilledWorker)
