"""Runs heavy nodes side by side, each in a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from kedro.framework.project import LOGGING, PACKAGE_NAME, configure_logging, configure_project
from kedro.io import DataCatalog, DatasetError
from kedro.runner import ThreadRunner
from kedro.runner.runner import _find_nodes_to_resume_from
from kedro.runner.task import Task

from avsc_kedro import progress, runtime
from avsc_kedro.errors import InputError
from avsc_kedro.workers import usable_cpus

OWN_PROCESS = "own_process"
SECONDS_TO_END = 10.0  # a process that is done, or was told to end

logger = logging.getLogger(__name__)


class NodeProcessDied(RuntimeError):
    """The process of a node ended without a result; the message says what to do."""


class ChildTraceback(Exception):
    """Stands as the cause of an error from another process, so that its place is shown."""


class NodeProcessRunner(ThreadRunner):
    """Runs nodes tagged `own_process` in spawned processes, two at a time, others one by one.

    Building a network's graph keeps one core busy for many seconds, so two trainings
    side by side share the cores well; and a process gives back all of its memory when
    its node is done. What such a node reads and writes must be in the catalog. When a
    node fails, what runs beside it in a process is ended.

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
        # Other nodes take seconds, and a feature store keeps what it has.
        if not any(OWN_PROCESS in node.tags for node in done_nodes):
            return
        unfinished = set(pipeline.nodes) - set(done_nodes)
        first = _find_nodes_to_resume_from(pipeline, unfinished, catalog)
        logger.warning(
            "To keep what is done, add to the same command: --from-nodes %s",
            ",".join(sorted(first)),
        )


class _NodeExecutor(Executor):
    """Two lanes: tagged tasks in processes, all others one at a time in this process."""

    def __init__(self, max_workers: int, *, nodes: int):
        self._threads = max(1, usable_cpus() // max_workers)
        self._processes = _NodeProcesses(self._threads)
        self._waiting = ThreadPoolExecutor(max_workers, thread_name_prefix="own_process")
        self._lane = ThreadPoolExecutor(1, thread_name_prefix="node")
        self._lock = threading.Lock()
        self._nodes = nodes
        self._done = 0

    def submit(self, task: Task) -> Future:
        if OWN_PROCESS in task.node.tags:
            return self._waiting.submit(self._finish, task, self._processes.run)
        return self._lane.submit(self._finish, task, Task.execute)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # Leaving `with` after an error: nothing starts any more, no training is waited for.
        for lane in (self._waiting, self._lane):
            lane.shutdown(False, cancel_futures=True)
        self._processes.end()
        for lane in (self._waiting, self._lane):
            lane.shutdown(wait)
        self._processes.close()

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


class _NodeProcesses:
    """The processes under way, and their progress on this process's screen."""

    def __init__(self, threads: int):
        self._threads = threads
        self._context = multiprocessing.get_context("spawn")
        self._running: set[multiprocessing.process.BaseProcess] = set()
        self._lock = threading.Lock()
        self._ended = False
        self._events = self._context.Queue()
        self._listening = contextlib.ExitStack()
        self._listening.enter_context(progress.listen(self._events))

    def run(self, task: Task) -> None:
        """Run a task in a new process and wait for it.

        Raises:
            NodeProcessDied: If the process ended without a word.
            CancelledError: If `end` was called.
        """
        receiver, sender = self._context.Pipe(duplex=False)
        with receiver:
            with sender:
                process = self._start(task, sender)
            try:
                outcome = _receive(receiver, process)
                _join(process)
            finally:
                with self._lock:
                    self._running.discard(process)
        if outcome is None:
            raise NodeProcessDied(_died(task.node.name, process.exitcode))
        if isinstance(outcome, Failed):
            raise outcome.error()

    def end(self) -> None:
        """End every process at once; none can be started afterwards."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            _join(process)

    def close(self) -> None:
        """Stop listening for progress."""
        self._listening.close()

    def _start(self, task: Task, sender: Connection):
        names = {*task.node.inputs, *task.node.outputs}
        catalog = DataCatalog({name: task.catalog.get(name) for name in names})
        remote = Task(task.node, catalog, task.is_async, run_id=task.run_id, parallel=True)
        # As bytes, so that the backend starts before the node's modules are imported.
        child = _Child(
            pickle.dumps(remote), PACKAGE_NAME or "avsc_kedro", LOGGING.data, self._threads
        )
        process = self._context.Process(
            target=_run_child, args=(child, sender, self._events), name=task.node.name, daemon=True
        )
        with self._lock:
            if self._ended:
                raise CancelledError
            process.start()
            self._running.add(process)
        return process


class Failed(NamedTuple):
    """How a node failed, as a process can send it: pickle drops what caused an error."""

    errors: list[Exception]
    traceback: str

    @classmethod
    def from_error(cls, error: Exception) -> Failed:
        text = "".join(traceback.format_exception(error))
        return cls([_portable(link) for link in error_chain(error)], text)

    def error(self) -> Exception:
        """The error with its causes, the child's traceback last among them."""
        links = [*self.errors, ChildTraceback(f"\n{self.traceback}")]
        for link, cause in itertools.pairwise(links):
            link.__cause__ = cause
        return links[0]


class _Child(NamedTuple):
    """What a child needs before its task."""

    task: bytes
    package_name: str
    logging: dict[str, Any]
    threads: int


def error_chain(error: BaseException | None) -> list[BaseException]:
    """Return an error and what it came from, outermost first."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or (error.__context__ if isinstance(error, DatasetError) else None)
    return chain


def _run_child(child: _Child, sender: Connection, events) -> None:
    # Ctrl-C reaches the whole group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    progress.relay_to(events)
    try:
        configure_project(child.package_name)
        configure_logging(child.logging)
        runtime.start_backend(threads=child.threads)
        pickle.loads(child.task).execute()
    except Exception as error:
        sender.send(Failed.from_error(error))
    else:
        sender.send("done")


def _end_with_parent() -> None:
    """A killed parent cannot end its children."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _receive(receiver: Connection, process) -> Any:
    """Return what a process sends, None if it ends without a word."""
    wait([receiver, process.sentinel])
    try:
        return receiver.recv() if receiver.poll() else None
    except (EOFError, OSError):
        return None


def _join(process) -> None:
    process.join(SECONDS_TO_END)
    if process.is_alive():
        process.kill()
        process.join()


def _died(node_name: str, status: int | None) -> str:
    how = f"signal {-status}" if status is not None and status < 0 else f"exit status {status}"
    return (
        f"The process of node {node_name} died without a message ({how}). Most often memory ran "
        "out: run it alone with --runner-params max_workers=1, or lower training.batch_size."
    )


def _portable(error: BaseException) -> BaseException:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        kind = InputError if isinstance(error, InputError) else RuntimeError
        return kind(str(error) if kind is InputError else f"{type(error).__name__}: {error}")
