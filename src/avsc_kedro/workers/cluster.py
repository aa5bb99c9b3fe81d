"""A pool on a dask cluster: other machines, or other processes of this one."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from typing import Any

from avsc_kedro.errors import InputError
from avsc_kedro.workers.process import become_worker, usable_cpus

SECONDS_TO_CONNECT = 20

logger = logging.getLogger(__name__)


@contextmanager
def open_cluster(scheduler: str, workers: int | None = None) -> Iterator[Executor]:
    """Open a pool on the workers of a dask scheduler.

    A task whose worker dies is given to another; one that ends several has
    `distributed.KilledWorker` for a result.

    Args:
        scheduler: Address such as `tcp://10.0.0.5:8786`; `local` starts a scheduler and
            workers on this machine for the time being.
        workers: Number of processes for `local`; None takes as many as there are
            usable processors.

    Raises:
        InputError: If dask is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError as error:
        raise InputError(
            "Expected the package distributed for extraction.scheduler. Received none. "
            "Run in the project's folder: pip install -e '.[dask]', here and on every worker."
        ) from error
    with ExitStack() as stack:
        if scheduler == "local":
            stack.enter_context(_own_environment())
            cluster = distributed.LocalCluster(
                n_workers=workers or usable_cpus(), threads_per_worker=1, dashboard_address=":0"
            )
            scheduler = stack.enter_context(cluster).scheduler_address
        yield Cluster(stack.enter_context(_connect(distributed, scheduler)))


class Cluster(Executor):
    """The workers of a dask client, each task prepared as in a pool of this machine."""

    def __init__(self, client: Any):
        self._client = client
        self._pool = client.get_executor(pure=False)

    def look(self) -> None:
        """Say so if there is nobody who could work."""
        if not self._client.scheduler_info(n_workers=-1)["workers"]:
            logger.warning(
                "No dask worker is connected to %s; waiting for one", self._client.scheduler.address
            )

    def submit(self, work: Callable, /, *args: Any, **kwargs: Any) -> Future:
        return self._pool.submit(_run_on_worker, work, *args, **kwargs)


@contextmanager
def _own_environment() -> Iterator[None]:
    """Take back what dask sets for its workers: trainings that follow may use more threads."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _connect(distributed: Any, scheduler: str) -> Any:
    try:
        return distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"Expected a dask scheduler at {scheduler}. Received {type(error).__name__}: {error}. "
            "Start one (dask scheduler), or correct extraction.scheduler."
        ) from error


def _run_on_worker(work: Callable, *args: Any, **kwargs: Any) -> Any:
    from distributed import get_worker

    worker = get_worker()
    if worker.state.nthreads != 1:
        raise InputError(
            f"Expected dask workers of one thread each, as a task may end its process. Received "
            f"{worker.state.nthreads} threads at {worker.address}. Start it with --nthreads 1."
        )
    become_worker()
    return work(*args, **kwargs)
