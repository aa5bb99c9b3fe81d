"""Runs heavy nodes side by side, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

from kedro.framework.project import PACKAGE_NAME, configure_project
from kedro.io import DataCatalog
from kedro.runner import ThreadRunner
from kedro.runner.task import Task

from avsc_kedro import progress, runtime

OWN_PROCESS = "own_process"


class NodeProcessRunner(ThreadRunner):
    """Runs nodes tagged `own_process` in spawned processes, two at a time, others one by one.

    Building a network's graph keeps one core busy for many seconds, so two trainings
    side by side share the cores well; and a process gives back all of its memory when
    its node is done. What such a node reads and writes must be in the catalog.

    Args:
        max_workers: Tagged nodes at a time.
        is_async: As in Kedro.
    """

    def __init__(self, max_workers: int | None = None, is_async: bool = False):
        super().__init__(max_workers=max_workers or min(2, os.cpu_count() or 1), is_async=is_async)

    def _get_required_workers_count(self, pipeline) -> int:
        return self._max_workers

    def _get_executor(self, max_workers: int) -> Executor:
        return _NodeExecutor(max_workers)


class _NodeExecutor(Executor):
    """Two lanes: tagged tasks in processes, all others one at a time in this process."""

    def __init__(self, max_workers: int):
        self._threads = max(1, (os.cpu_count() or 1) // max_workers)
        self._processes = ThreadPoolExecutor(max_workers, thread_name_prefix="own_process")
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="node")
        self._context = multiprocessing.get_context("spawn")
        self._events = self._context.Queue()
        self._listening = progress.listen(self._events)
        self._listening.__enter__()

    def submit(self, task: Task) -> Future:
        if OWN_PROCESS in task.node.tags:
            return self._processes.submit(self._run_in_process, task)
        return self._lane.submit(task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # Leaving `with` after an error: what has not started yet must not start.
        self._processes.shutdown(wait, cancel_futures=True)
        self._lane.shutdown(wait, cancel_futures=True)
        self._listening.__exit__(None, None, None)

    def _run_in_process(self, task: Task):
        names = {*task.node.inputs, *task.node.outputs}
        catalog = DataCatalog({name: task.catalog.get(name) for name in names})
        remote = Task(task.node, catalog, task.is_async, run_id=task.run_id, parallel=True)
        with ProcessPoolExecutor(
            1,
            mp_context=self._context,
            initializer=_initialise,
            initargs=(PACKAGE_NAME or "avsc_kedro", self._threads, self._events),
        ) as pool:
            return pool.submit(remote).result()


def _initialise(package_name: str, threads: int, events) -> None:
    progress.relay_to(events)
    configure_project(package_name)
    runtime.start_backend(threads=threads)
