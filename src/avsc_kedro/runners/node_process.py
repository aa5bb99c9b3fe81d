"""Runs heavy nodes side by side, each in a process of its own."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from kedro.runner import ThreadRunner
from kedro.runner.task import Task

from avsc_kedro.runners.processes import NodeProcesses
from avsc_kedro.workers import usable_cpus

OWN_PROCESS = "own_process"
LONG = "long"

logger = logging.getLogger(__name__)


class NodeProcessRunner(ThreadRunner):
    """Runs nodes tagged `own_process` in spawned processes, two at a time, others one by one.

    Building a network's graph keeps one core busy for many seconds, so two trainings
    side by side share the cores well; and a process gives back all of its memory when
    its node is done. Of those that wait, nodes tagged `long` start first, so that none of
    them is left for the end, alone on one core. What a tagged node reads and writes must be
    in the catalog. When a node fails, what runs beside it in a process is ended.

    Args:
        max_workers: Tagged nodes at a time.
        is_async: As in Kedro.
    """

    def __init__(self, max_workers: int | None = None, is_async: bool = False):
        default = min(2, usable_cpus())
        super().__init__(default if max_workers is None else max_workers, is_async=is_async)
        self._nodes = 0

    @property
    def _logger(self) -> logging.Logger:
        # Kedro tells of each node in two lines here; this runner has one of its own.
        return logging.getLogger("kedro.runner")

    def _run(self, pipeline, *args, **kwargs) -> None:
        self._nodes = len(pipeline.nodes)
        super()._run(pipeline, *args, **kwargs)

    def _get_required_workers_count(self, pipeline) -> int:
        return self._max_workers

    def _get_executor(self, max_workers: int) -> Executor:
        return _NodeExecutor(max_workers, nodes=self._nodes)

    def _suggest_resume_scenario(self, pipeline, done_nodes, catalog) -> None:
        # Kedro's advice, --from-nodes, is not needed where finished steps are left out.
        if done_nodes:
            logger.warning("What is done is kept: the same command goes on from here.")


class _NodeExecutor(Executor):
    """Two lanes: tagged tasks in processes, all others one at a time in this process."""

    def __init__(self, max_workers: int, *, nodes: int):
        self._threads = max(1, usable_cpus() // max_workers)
        self._processes = NodeProcesses(self._threads)
        self._waiting = ThreadPoolExecutor(max_workers, thread_name_prefix="own_process")
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="node")
        self._lock = threading.Lock()
        self._tasks: list[tuple[bool, int, Task]] = []
        self._arrivals = itertools.count()
        self._nodes = nodes
        self._done = 0

    def submit(self, task: Task) -> Future:
        tags = task.node.tags
        if OWN_PROCESS not in tags:
            return self._lane.submit(self._finish, task, Task.execute)
        with self._lock:
            heapq.heappush(self._tasks, (LONG not in tags, next(self._arrivals), task))
        # Kedro asks a future for its node: it need not be the one this future was made for.
        return self._waiting.submit(self._finish_first)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # Leaving `with` after an error: nothing starts any more, no training is waited for.
        for lane in (self._waiting, self._lane):
            lane.shutdown(False, cancel_futures=True)
        self._processes.end()
        for lane in (self._waiting, self._lane):
            lane.shutdown(wait)
        self._processes.close()

    def _finish_first(self):
        with self._lock:
            *_, task = heapq.heappop(self._tasks)
        return self._finish(task, self._processes.run)

    def _finish(self, task: Task, run):
        try:
            run(task)
        except Exception as error:
            error.add_note(f"This was in the node {task.node.name}.")
            raise
        with self._lock:
            self._done += 1
            logger.info("[%d/%d] %s", self._done, self._nodes, task.node.name)
        return task.node
