"""Progress as moving bars, in a terminal and in a notebook."""

from __future__ import annotations

import html
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
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
FINISHED_PARTS_KEPT = 2
NOTEBOOK_COLUMNS = 120
ROOMY_COLUMNS = 110
SECONDS_BETWEEN_PICTURES = 0.25


@dataclass
class _Row:
    task: Any
    pace: Pace
    part_of: str | None
    fields: dict[str, Any] = field(default_factory=dict)
    finished_parts: list[Any] = field(default_factory=list)


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
        columns = _columns(clock_s, bar_width=16 if console.width >= ROOMY_COLUMNS else 4)
        self.progress = _Nested(*columns, console=console, auto_refresh=automatic)
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
            self._advance(event)
        else:
            self._finish(event.key)

    def close(self) -> None:
        """Draw a last time and give the terminal back."""
        self.progress.stop()

    def _start(self, event: Started) -> None:
        pace = Pace(event.total, event.unit, self._clock_s())
        parent = self._rows.get(event.part_of)
        task = self.progress.add_task(
            f"  {event.description}" if parent else event.description,
            total=event.total,
            pace=pace,
            end="",
            words="",
            below=parent.task if parent else None,
        )
        self._rows[event.key] = _Row(task, pace, event.part_of)
        if parent:
            self._show_words(event.part_of)

    def _advance(self, event: Advanced) -> None:
        row = self._rows[event.key]
        row.pace.advance(event.count, now_s=self._clock_s())
        row.fields.update(event.fields)
        self.progress.update(row.task, advance=event.count)
        self._show_words(event.key)
        if not self._open_parts(event.key):  # those that stand there are no longer the latest
            self._keep_last(row.finished_parts, 0)

    def _finish(self, key: str) -> None:
        for part in self._open_parts(key):
            self.progress.remove_task(self._rows.pop(part).task)
        self._show_words(key)
        row = self._rows.pop(key)
        self._keep_last(row.finished_parts, 0)
        self.progress.update(row.task, end=row.pace.end_text(self._clock_s()))
        self.progress.stop_task(row.task)
        parent = self._rows.get(row.part_of)
        if parent:
            self._show_words(row.part_of)
            parent.finished_parts.append(row.task)
            self._keep_last(parent.finished_parts, FINISHED_PARTS_KEPT)
        else:
            self._finished.append(row.task)
            self._keep_last(self._finished, FINISHED_BARS_KEPT)

    def _open_parts(self, key: str) -> list[str]:
        return [part for part, row in self._rows.items() if row.part_of == key]

    def _show_words(self, key: str) -> None:
        """Show a bar's numbers, where no part of it shows them."""
        row = self._rows[key]
        words = "" if self._open_parts(key) else fields_text(row.fields)
        self.progress.update(row.task, words=words)

    def _keep_last(self, tasks: list[Any], count: int) -> None:
        while len(tasks) > count:
            self.progress.remove_task(tasks.pop(0))


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


class _Nested(Progress):
    """Bars whose parts stand below them."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield one table of all bars."""
        yield self.make_tasks_table(sorted(self.tasks, key=_place))


def _place(task: Task) -> int:
    below = task.fields["below"]
    return task.id if below is None else below


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


class _WordsColumn(ProgressColumn):
    """A bar's numbers; the one column that gives way where the terminal is narrow."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["words"], no_wrap=True, overflow="ellipsis")


def _columns(clock_s: Callable[[], float], *, bar_width: int) -> tuple[ProgressColumn, ...]:
    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=bar_width, table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        _RateColumn(Column(no_wrap=True)),
        _TimeColumn(clock_s),
        _WordsColumn(),
    )
