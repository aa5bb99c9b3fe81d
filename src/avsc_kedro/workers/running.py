"""Many tasks over any executor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor
from queue import SimpleQueue
from typing import Any

from avsc_kedro.errors import InputError


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
        InputError: If a worker process died, and its task is not to be tried again.
    """
    done: SimpleQueue = SimpleQueue()
    waiting = {}

    def submit(task: Any) -> None:
        future = pool.submit(work, task)
        waiting[future] = task
        future.add_done_callback(done.put)

    try:
        for task in tasks:
            submit(task)
        while waiting:
            future = done.get()
            task = waiting.pop(future)
            error = future.exception()
            if error is None:
                yield task, future.result()
            elif not _is_death(error):
                raise error
            elif try_again(task):
                submit(task)
            else:
                raise InputError(
                    f"A worker process died while {doing}; most often memory ran out. {remedy}"
                ) from error
    finally:
        for future in list(waiting):
            future.cancel()


def _is_death(error: BaseException) -> bool:
    distributed = sys.modules.get("distributed")  # imported only where a cluster is used
    return isinstance(error, BrokenExecutor) or (
        distributed is not None and isinstance(error, distributed.KilledWorker)
    )
