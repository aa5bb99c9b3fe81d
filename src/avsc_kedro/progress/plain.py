"""Progress as plain lines, for logs: at the start, each ten seconds, at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from avsc_kedro.progress.events import Advanced, Event, Started, fields_text

SECONDS_BETWEEN_LINES = 10.0


@dataclass
class _Task:
    started: Started
    began_s: float
    last_line_s: float
    done: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


class PlainScreen:
    """Prints one line of text per event worth a line to stderr, without control characters."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._tasks: dict[str, _Task] = {}

    def show(self, event: Event) -> None:
        """Take one event; events of a bar that is not open are passed over."""
        now_s = self._clock_s()
        if isinstance(event, Started):
            self._tasks[event.key] = task = _Task(event, now_s, now_s)
            self._print(task, "started")
        elif event.key not in self._tasks:
            return
        elif isinstance(event, Advanced):
            self._advance(self._tasks[event.key], event, now_s=now_s)
        else:
            task = self._tasks.pop(event.key)
            total = task.started.total
            word = "done" if total is None or task.done >= total else "stopped"
            self._print(task, f"{word} after {_duration(now_s - task.began_s)}")

    def close(self) -> None:
        """Nothing stays open."""

    def _advance(self, task: _Task, event: Advanced, *, now_s: float) -> None:
        task.done += event.count
        task.fields.update(event.fields)
        if now_s - task.last_line_s < SECONDS_BETWEEN_LINES:
            return
        task.last_line_s = now_s
        total, words = task.started.total, "running"
        if total and task.done:
            left_s = (now_s - task.began_s) * max(total - task.done, 0) / task.done
            words = f"{100 * task.done / total:.0f} %, about {_duration(left_s)} left"
        self._print(task, words)

    def _print(self, task: _Task, words: str) -> None:
        _, total, description, unit = task.started
        count = f"{task.done}/{total} {unit}" if total is not None else f"{task.done} {unit}"
        parts = [f"{description}: {count}", words, fields_text(task.fields)]
        print(", ".join(filter(None, parts)), file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes}:{rest:02d}"
