"""Progress as plain lines, for logs: at the start, each ten seconds, at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from avsc_kedro.progress.events import Advanced, Event, Started, fields_text
from avsc_kedro.progress.pace import Pace

SECONDS_BETWEEN_LINES = 10.0


@dataclass
class _Task:
    description: str
    pace: Pace
    last_line_s: float
    fields: dict[str, Any] = field(default_factory=dict)


class PlainScreen:
    """Prints one line of text per event worth a line to stderr, without control characters.

    Bars of parts are left out.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._tasks: dict[str, _Task] = {}

    def show(self, event: Event) -> None:
        """Take one event; events of a bar that is not open are passed over."""
        now_s = self._clock_s()
        if isinstance(event, Started):
            if event.part_of:
                return
            pace = Pace(event.total, event.unit, now_s)
            self._tasks[event.key] = task = _Task(event.description, pace, now_s)
            _print(task, "started")
        elif event.key not in self._tasks:
            return
        elif isinstance(event, Advanced):
            self._advance(self._tasks[event.key], event, now_s=now_s)
        else:
            task = self._tasks.pop(event.key)
            _print(task, task.pace.end_text(now_s), task.pace.rate_text())

    def close(self) -> None:
        """Nothing stays open."""

    def _advance(self, task: _Task, event: Advanced, *, now_s: float) -> None:
        task.pace.advance(event.count, now_s=now_s)
        task.fields.update(event.fields)
        if now_s - task.last_line_s < SECONDS_BETWEEN_LINES:
            return
        task.last_line_s = now_s
        total = task.pace.total
        share = f"{100 * task.pace.done / total:.0f} %" if total else "running"
        _print(task, share, task.pace.rate_text(), task.pace.left_text(now_s))


def _print(task: _Task, *words: str) -> None:
    pace = task.pace
    of_total = "" if pace.total is None else f"/{pace.total}"
    count = f"{task.description}: {pace.done}{of_total} {pace.unit}"
    parts = [count, *words, fields_text(task.fields)]
    print(", ".join(filter(None, parts)), file=sys.stderr, flush=True)
