"""One process per task: started clean, watched, and ended when it must be."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import signal
import threading
import traceback
from concurrent.futures import CancelledError
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from kedro.framework.project import LOGGING, PACKAGE_NAME, configure_logging, configure_project
from kedro.io import DataCatalog, DatasetError
from kedro.runner.task import Task

from avsc_kedro import progress, runtime
from avsc_kedro.errors import InputError
from avsc_kedro.workers import end_with_parent, keep_freed_memory

SECONDS_TO_END = 10.0  # a process that is done, or was told to end


class NodeProcessDied(RuntimeError):
    """The process of a node ended without a result; the message says what to do."""


class ChildTraceback(Exception):
    """Stands as the cause of an error from another process, so that its place is shown."""


class NodeProcesses:
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
    end_with_parent()
    keep_freed_memory()
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
