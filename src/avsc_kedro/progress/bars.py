"""One bar of work, and the one screen of this process that all bars share."""

from __future__ import annotations

import contextlib
import os
import queue as queues
import sys
import threading
import uuid
from collections.abc import Iterator
from multiprocessing.util import Finalize
from typing import Any, Protocol

from rich.console import Console

from avsc_kedro.progress.events import Advanced, Event, Finished, Started
from avsc_kedro.progress.live import LiveScreen, NotebookScreen
from avsc_kedro.progress.plain import PlainScreen

FLUSH_AT_MOST_S = 1.0


class Screen(Protocol):
    """Anything that can show events."""

    def show(self, event: Event) -> None: ...
    def close(self) -> None: ...


class Bar:
    """Work under way; `advance` may be called from any thread."""

    def __init__(self, key: str) -> None:
        self._key = key

    def advance(self, n: int = 1, **fields: Any) -> None:
        """Say that `n` more are done; fields such as loss=0.31 stand at the line's end."""
        _process.send(Advanced(self._key, n, fields))

    def part(self, total: int | None, description: str, *, unit: str) -> Bar:
        """Show a part of this work below it, until that is closed or this is; logs leave it out."""
        return _open(total, description, unit, part_of=self._key)

    def close(self) -> None:
        """Say that nothing more is done; parts of this work are closed with it."""
        _process.send(Finished(self._key))


@contextlib.contextmanager
def track(total: int | None, description: str, *, unit: str = "clips") -> Iterator[Bar]:
    """Show a bar while the block runs, also when it ends by an error.

    Args:
        total: How many there are to do, None when that is not known.
        description: What is being done.
        unit: What is counted.
    """
    bar = _open(total, description, unit, part_of=None)
    try:
        yield bar
    finally:
        bar.close()


def _open(total: int | None, description: str, unit: str, *, part_of: str | None) -> Bar:
    key = uuid.uuid4().hex
    _process.send(Started(key, total, description, unit, part_of))
    return Bar(key)


def relay_to(queue: Any | None) -> None:
    """Send this process's progress to a multiprocessing queue instead of drawing it.

    Called in a spawned child, for example as a pool's initializer. None draws again.
    The child does not wait for the parent, but for a second when it ends: what
    cannot be sent is dropped.
    """
    _process.relay = queue
    if hasattr(queue, "join_thread"):
        Finalize(None, _flush, args=(queue,), exitpriority=0)


def _flush(queue: Any) -> None:
    """Wait a moment at exit for what is under way; multiprocessing itself would wait forever."""
    queue.close()
    sender = threading.Thread(target=queue.join_thread, daemon=True)
    sender.start()
    sender.join(timeout=FLUSH_AT_MOST_S)
    queue.cancel_join_thread()


class _Process:
    """The bars open in this process; its screen opens with the first, closes with the last."""

    def __init__(self) -> None:
        self.relay: Any | None = None
        self._lock = threading.RLock()
        self._screen: Screen | None = None
        self._open: dict[str, str | None] = {}  # of each bar, what it is a part of

    def send(self, event: Event) -> None:
        if self.relay is None:
            self.draw(event)
            return
        with contextlib.suppress(queues.Full, OSError, EOFError, ValueError):
            self.relay.put_nowait(event)

    def draw(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Started):
                self._open[event.key] = event.part_of
                self._screen = self._screen or choose_screen()
            if self._screen is None or event.key not in self._open:
                return
            # A closed terminal or a full disk under the log must not end the work.
            with contextlib.suppress(OSError, ValueError):
                self._screen.show(event)
            if isinstance(event, Finished):
                self._close(event.key)

    def _close(self, key: str) -> None:
        self._open = {bar: of for bar, of in self._open.items() if key not in (bar, of)}
        if not self._open and self._screen is not None:
            screen, self._screen = self._screen, None
            with contextlib.suppress(OSError, ValueError):
                screen.close()


def choose_screen() -> Screen:
    """Return moving bars for a person who watches, plain lines for a log."""
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return PlainScreen()
    if _in_notebook():
        return NotebookScreen()
    console = Console(stderr=True)
    watched = sys.stderr is not None and sys.stderr.isatty() and not console.is_dumb_terminal
    return LiveScreen(console) if watched else PlainScreen()


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


_process = _Process()


def draw(event: Event) -> None:
    """Show an event on this process's screen; another process's bars stand beside its own."""
    _process.draw(event)
