"""Two runs never make the same output at once: the second waits, and then need not."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def take_turns(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Hold the right to make some outputs; the system takes it back from a killed process.

    Another run that holds it is waited for: what it made may be what is wanted.

    Args:
        folder: Where the lock files lie, one an output.
        names: What is about to be made, as `outputs.lock_name` names it.
    """
    with contextlib.ExitStack() as held:
        for name in sorted(set(names)):  # in one order, or two runs could block each other
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{name}.lock")
            try:
                held.enter_context(lock.acquire(timeout=0))
            except Timeout:
                logger.info("another run is making %s; waiting for it", name)
                held.enter_context(lock.acquire())
        yield
