"""Children's bars on the parent's screen."""

from __future__ import annotations

import contextlib
import queue as queues
import threading
import time
from collections.abc import Iterator
from typing import Any

from avsc_kedro.progress.bars import draw
from avsc_kedro.progress.events import Finished, Started

POLL_S = 0.1
DRAIN_AT_MOST_S = 2.0


@contextlib.contextmanager
def listen(queue: Any) -> Iterator[None]:
    """Draw what children send to `queue` while the block runs.

    At the end what still lies in the queue is drawn, and bars of children that
    died without a word are closed. Leaving takes a few seconds at most, whatever
    state the queue is in.

    Args:
        queue: A multiprocessing queue, or a manager's, given to `relay_to` in children.
    """
    leaving = threading.Event()
    open_bars: set[str] = set()
    thread = threading.Thread(
        target=_draw_events, args=(queue, leaving, open_bars), name="progress", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        leaving.set()
        thread.join(timeout=2 * DRAIN_AT_MOST_S)
        for key in list(open_bars):
            draw(Finished(key))


def _draw_events(queue: Any, leaving: threading.Event, open_bars: set[str]) -> None:
    deadline_s = None
    while deadline_s is None or time.monotonic() < deadline_s:
        if leaving.is_set() and deadline_s is None:
            deadline_s = time.monotonic() + DRAIN_AT_MOST_S
        try:
            event = queue.get(timeout=POLL_S)
        except queues.Empty:
            if leaving.is_set():
                return
            continue
        except (OSError, EOFError, ValueError):  # the queue or its manager is gone
            return
        if isinstance(event, Started):
            open_bars.add(event.key)
        elif isinstance(event, Finished):
            open_bars.discard(event.key)
        draw(event)
