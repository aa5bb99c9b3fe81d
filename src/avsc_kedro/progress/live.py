"""Progress as moving bars, in a terminal and in a notebook."""

from __future__ import annotations

import html
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from avsc_kedro.progress.events import Advanced, Event, Started, fields_text
from avsc_kedro.progress.pace import Pace, duration_text

FINISHED_BARS_KEPT = 6
NOTEBOOK_COLUMNS = 120
ROOMY_COLUMNS = 110
SECONDS_BETWEEN_PICTURES = 0.25


@dataclass
class _Row:
    task: Any
    pace: Pace
    fields: dict[str, Any] = field(default_factory=dict)


class LiveScreen:
    """Bars on a rich console; log lines and prints scroll above them."""

    def __init__(
        self,
        console: Console,
        *,
        automatic: bool = True,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock_s = clock_s
        columns = _columns(clock_s, bar_width=24 if console.width >= ROOMY_COLUMNS else 4)
        self.progress = Progress(*columns, console=console, auto_refresh=automatic)
        self._rows: dict[str, _Row] = {}
        self._finished: list[Any] = []
        if automatic:
            self.progress.start()

    def show(self, event: Event) -> None:
        """Take one event; events of a bar that is not open are passed over."""
        if isinstance(event, Started):
            self._start(event)
        elif event.key not in self._rows:
            return
        elif isinstance(event, Advanced):
            self._advance(self._rows[event.key], event)
        else:
            self._finish(self._rows.pop(event.key))

    def close(self) -> None:
        """Draw a last time and give the terminal back."""
        self.progress.stop()

    def _start(self, event: Started) -> None:
        pace = Pace(event.total, event.unit, self._clock_s())
        task = self.progress.add_task(
            event.description, total=event.total, pace=pace, end="", words=""
        )
        self._rows[event.key] = _Row(task, pace)

    def _advance(self, row: _Row, event: Advanced) -> None:
        row.pace.advance(event.count, now_s=self._clock_s())
        row.fields.update(event.fields)
        words = fields_text(row.fields)
        self.progress.update(row.task, advance=event.count, words=words)

    def _finish(self, row: _Row) -> None:
        self.progress.update(row.task, end=row.pace.end_text(self._clock_s()))
        self.progress.stop_task(row.task)
        self._finished.append(row.task)
        if len(self._finished) > FINISHED_BARS_KEPT:
            self.progress.remove_task(self._finished.pop(0))


class NotebookScreen(LiveScreen):
    """The same bars as text in a notebook cell's output, without widgets."""

    def __init__(self, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        unseen = Console(file=io.StringIO(), width=NOTEBOOK_COLUMNS, force_jupyter=False)
        super().__init__(unseen, automatic=False, clock_s=clock_s)
        from IPython.display import display

        self._handle = display(self._picture(), display_id=True)
        self._drawn_s = self._clock_s()

    def show(self, event: Event) -> None:
        """Take one event and redraw, at most four times a second."""
        super().show(event)
        if self._clock_s() - self._drawn_s >= SECONDS_BETWEEN_PICTURES:
            self._draw()

    def close(self) -> None:
        """Draw a last time."""
        self._draw()

    def _draw(self) -> None:
        self._drawn_s = self._clock_s()
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


class _RateColumn(ProgressColumn):
    """How many a second, or how long one takes; what is counted until that is known."""

    def render(self, task: Task) -> Text:
        pace = task.fields["pace"]
        return Text(pace.rate_text() or pace.unit)


class _TimeColumn(ProgressColumn):
    """How long until the end; how long it took once that is reached."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        super().__init__(Column(no_wrap=True))
        self._clock_s = clock_s

    def render(self, task: Task) -> Text:
        pace, now_s = task.fields["pace"], self._clock_s()
        so_far = f"{duration_text(now_s - pace.began_s)} so far"
        return Text(task.fields["end"] or pace.left_text(now_s) or so_far)


def _columns(clock_s: Callable[[], float], *, bar_width: int) -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=bar_width),
        MofNCompleteColumn(),
        _RateColumn(Column(no_wrap=True)),
        _TimeColumn(clock_s),
        TextColumn("{task.fields[words]}", markup=False),
    )
