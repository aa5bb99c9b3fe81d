"""Progress as moving bars, in a terminal and in a notebook."""

from __future__ import annotations

import html
import io
import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from avsc_kedro.progress.events import Advanced, Event, Started, fields_text

FINISHED_BARS_KEPT = 6
NOTEBOOK_COLUMNS = 110
SECONDS_BETWEEN_PICTURES = 0.25


class LiveScreen:
    """Bars on a rich console; log lines and prints scroll above them."""

    def __init__(self, console: Console, *, automatic: bool = True) -> None:
        self.progress = Progress(*_columns(), console=console, auto_refresh=automatic)
        self._tasks: dict[str, Any] = {}
        self._fields: dict[str, dict[str, Any]] = {}
        self._finished: list[Any] = []
        if automatic:
            self.progress.start()

    def show(self, event: Event) -> None:
        """Take one event; events of a bar that is not open are passed over."""
        if isinstance(event, Started):
            self._fields[event.key] = {}
            self._tasks[event.key] = self.progress.add_task(
                event.description, total=event.total, unit=event.unit, words=""
            )
        elif event.key not in self._tasks:
            return
        elif isinstance(event, Advanced):
            self._fields[event.key].update(event.fields)
            words = fields_text(self._fields[event.key])
            self.progress.update(self._tasks[event.key], advance=event.count, words=words)
        else:
            self._finish(event.key)

    def close(self) -> None:
        """Draw a last time and give the terminal back."""
        self.progress.stop()

    def _finish(self, key: str) -> None:
        del self._fields[key]
        task = self._tasks.pop(key)
        self.progress.stop_task(task)
        self._finished.append(task)
        if len(self._finished) > FINISHED_BARS_KEPT:
            self.progress.remove_task(self._finished.pop(0))


class NotebookScreen(LiveScreen):
    """The same bars as text in a notebook cell's output, without widgets."""

    def __init__(self) -> None:
        super().__init__(Console(file=io.StringIO(), force_jupyter=False), automatic=False)
        from IPython.display import display

        self._handle = display(self._picture(), display_id=True)
        self._drawn_s = time.monotonic()

    def show(self, event: Event) -> None:
        """Take one event and redraw, at most four times a second."""
        super().show(event)
        if time.monotonic() - self._drawn_s >= SECONDS_BETWEEN_PICTURES:
            self._draw()

    def close(self) -> None:
        """Draw a last time."""
        self._draw()

    def _draw(self) -> None:
        self._drawn_s = time.monotonic()
        self._handle.update(self._picture())

    def _picture(self) -> Any:
        from IPython.display import HTML

        paper = Console(
            file=io.StringIO(),
            width=NOTEBOOK_COLUMNS,
            color_system=None,
            force_jupyter=False,
            force_terminal=False,
        )
        paper.print(self.progress.get_renderable())
        return HTML(f"<pre>{html.escape(paper.file.getvalue().rstrip())}</pre>")


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[words]}", markup=False),
    )
