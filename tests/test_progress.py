"""Bars as plain lines, as moving bars, from threads and from children that die."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import queue as queues
import re
import sys
import threading
import time
import types
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from rich.console import Console

from avsc_kedro import progress
from avsc_kedro.progress import bars
from avsc_kedro.progress.events import Advanced, Finished, Started, fields_text
from avsc_kedro.progress.live import LiveScreen, NotebookScreen
from avsc_kedro.progress.pace import Pace, duration_text
from avsc_kedro.progress.plain import PlainScreen


class Recorder:
    """A screen that keeps what it is shown."""

    def __init__(self):
        self.events, self.closed = [], False

    def show(self, event):
        self.events.append(event)

    def close(self):
        self.closed = True


@pytest.fixture
def recorder(monkeypatch):
    screen = Recorder()
    monkeypatch.setattr(bars, "choose_screen", lambda: screen)
    return screen


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


def show(screen, clock, *timed):
    for clock.now_s, event in timed:
        screen.show(event)


EXTRACTION = (
    (0, Started("a", 4, "features mel", "clips")),
    (4, Advanced("a", 1, {"failures": 0})),
    (10, Advanced("a", 1, {"failures": 1})),
    (15, Advanced("a", 1, {"failures": 2})),
    (20, Advanced("a", 1, {"failures": 3})),
    (75, Finished("a")),
)


def test_plain_lines_start_every_ten_seconds_and_end(capsys):
    clock = Clock()
    show(PlainScreen(clock), clock, *EXTRACTION)
    assert capsys.readouterr().err.splitlines() == [
        "features mel: 0/4 clips, started",
        "features mel: 2/4 clips, 50 %, 5.0 s/clip, 10 s left, failures 1",
        "features mel: 4/4 clips, 100 %, 5.0 s/clip, failures 3",
        "features mel: 4/4 clips, done after 1:15, 5.0 s/clip, failures 3",
    ]


def table_of(screen, width=120):
    paper = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    paper.print(screen.progress.get_renderable())
    return paper.file.getvalue().splitlines()


def row_of(screen, width=120):
    (row,) = table_of(screen, width)
    return " ".join(row.replace("━", "").split())


@pytest.mark.parametrize("width", [80, 120])
def test_moving_bars_show_rate_time_left_and_failures(width):
    clock = Clock()
    console = Console(file=io.StringIO(), width=width)
    screen = LiveScreen(console, automatic=False, clock_s=clock)
    show(screen, clock, EXTRACTION[0])
    clock.now_s = 3
    assert row_of(screen, width) == "features mel 0/4 clips 3.0 s so far"
    show(screen, clock, *EXTRACTION[1:3])
    clock.now_s = 12
    assert row_of(screen, width) == "features mel 2/4 5.0 s/clip 8.0 s left failures 1"
    show(screen, clock, *EXTRACTION[3:])
    assert row_of(screen, width) == "features mel 4/4 5.0 s/clip done after 1:15 failures 3"


@pytest.mark.parametrize(
    ("done", "unit", "seconds", "words"),
    [
        (123, "clips", 10, "12.3 clips/s"),
        (10, "epochs", 10, "1.0 epochs/s"),
        (20_000, "steps", 10, "2,000 steps/s"),
        (2, "clips", 8.2, "4.1 s/clip"),
        (10, "epochs", 21, "2.1 s/epoch"),
        (2, "epochs", 300, "2.5 min/epoch"),
        (0, "clips", 10, ""),
    ],
)
def test_rates_read_well_fast_and_slow(done, unit, seconds, words):
    pace = Pace(None, unit, began_s=5.0)
    pace.advance(done, now_s=5.0 + seconds)
    assert pace.rate_text() == words


def test_bursts_of_workers_are_no_speed():
    pace = Pace(160, "clips", began_s=0.0)
    for worker in range(8):
        pace.advance(10, now_s=20 + worker / 100)
    assert pace.rate_text() == "4.0 clips/s"
    assert pace.left_text(now_s=25) == "15 s left"


def test_what_a_resumed_training_did_before_is_no_speed():
    pace = Pace(1000, "steps", began_s=0.0)
    pace.advance(900, now_s=0.01)
    assert (pace.rate_text(), pace.left_text(0.01)) == ("", "")
    pace.advance(50, now_s=25)
    assert (pace.rate_text(), pace.left_text(25)) == ("2.0 steps/s", "25 s left")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (9.97, "10 s"), (59.6, "1:00"), (3599.7, "1 h 00 min"), (7500, "2 h 05 min")],
)
def test_durations_roll_over(seconds, words):
    assert duration_text(seconds) == words


def test_a_notebook_shows_the_same_bars_as_text(monkeypatch):
    shown = []
    handle = types.SimpleNamespace(update=shown.append)
    display = types.ModuleType("IPython.display")
    display.HTML, display.display = str, lambda picture, display_id: handle
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    clock = Clock()
    screen = NotebookScreen(clock_s=clock)
    show(screen, clock, *EXTRACTION[:3])
    screen.close()
    assert re.search(r"<pre>features mel .*2/4 5\.0 s/clip 10 s left failures 1", shown[-1])


def test_log_has_no_control_characters_and_says_what_stopped(monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    with contextlib.suppress(KeyError), progress.track(2, "aud_mel", unit="epochs") as bar:
        bar.advance(loss=0.3141592)
        raise KeyError
    text = capsys.readouterr().err
    assert re.fullmatch(r"[ -~\n]*", text)
    assert text.splitlines()[-1].startswith("aud_mel: 1/2 epochs, stopped after 0.0 s, loss 0.314")


def test_unknown_total_counts_upward(capsys):
    screen = PlainScreen()
    for event in (Started("a", None, "index", "files"), Advanced("a", 3, {}), Finished("a")):
        screen.show(event)
    assert "index: 3 files, done after" in capsys.readouterr().err


def test_screen_follows_where_stderr_goes(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(bars.choose_screen(), PlainScreen)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    screen = bars.choose_screen()
    screen.close()
    assert isinstance(screen, LiveScreen)
    monkeypatch.setenv("CI", "1")
    assert isinstance(bars.choose_screen(), PlainScreen)


def test_moving_bars_show_count_unit_and_fields():
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    screen = LiveScreen(console)
    for event in (
        Started("a", 9, "features [mel]", "clips"),
        Advanced("a", 4, {"failures": 2}),
        Advanced("gone", 1, {}),
        Finished("a"),
    ):
        screen.show(event)
    screen.close()
    assert re.search(r"features \[mel\].* 4/9 clips .*failures 2", console.file.getvalue())


def names_of(screen):
    return [re.match(r" *\w+ \w+", line)[0] for line in table_of(screen)]


@pytest.fixture
def two_trainings():
    """A screen of two trainings at once, each at its fourth epoch."""
    screen = LiveScreen(Console(file=io.StringIO(), width=120), automatic=False)
    for key in "ab":
        screen.show(Started(key, 8, f"training {key}", "steps"))
    for number in range(1, 5):
        for key in "ab":
            screen.show(Started(f"{key}{number}", 2, f"epoch {number}", "steps", key))
            screen.show(Advanced(key, 1, {"loss": 0.5}))
            if number < 4:
                screen.show(Finished(f"{key}{number}"))
    return screen


def test_parts_stand_below_their_work_and_go_with_it(two_trainings):
    parts = ["  epoch 2", "  epoch 3", "  epoch 4"]
    assert names_of(two_trainings) == ["training a", *parts, "training b", *parts]
    for key in ("a", "b4", "b", "a4"):  # in whatever order
        two_trainings.show(Finished(key))
    assert names_of(two_trainings) == ["training a", "training b"]


def test_numbers_stand_at_the_part_as_long_as_one_is_open(two_trainings):
    assert "loss" not in table_of(two_trainings)[0]
    two_trainings.show(Finished("a4"))
    assert "loss 0.5" in table_of(two_trainings)[0]
    two_trainings.show(Advanced("a", 1, {"loss": 0.25}))  # an epoch without a bar of its own
    assert names_of(two_trainings)[:2] == ["training a", "training b"]
    assert "loss 0.25" in table_of(two_trainings)[0]


def test_an_epoch_s_line_shows_its_accuracy_on_eighty_columns():
    screen = LiveScreen(Console(file=io.StringIO(), width=80), automatic=False, clock_s=Clock())
    screen.show(Started("a", 1200, "Vis-CONV (refit)", "steps"))
    screen.show(Started("a1", 120, "epoch 10 of 10", "steps", "a"))
    screen.show(Advanced("a1", 120, {"accuracy": 0.6125, "loss": 0.5125, "val_loss": 0.75}))
    screen.show(Finished("a1"))
    _, epoch = table_of(screen, width=80)
    assert re.search(r"120/120 .*done after 0\.0 s +accuracy 0\.61", epoch)


def test_an_error_within_a_part_closes_it_too(recorder):
    with contextlib.suppress(KeyError), progress.track(2, "training", unit="steps") as bar:
        bar.part(2, "epoch 1", unit="steps")
        raise KeyError
    assert recorder.closed


def test_a_log_leaves_parts_out(monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    with progress.track(2, "training", unit="steps") as bar:
        part = bar.part(2, "epoch 1", unit="steps")
        part.advance(loss=0.5)
        part.close()
    text = capsys.readouterr().err
    assert "training: 0/2 steps, stopped" in text
    assert "epoch" not in text


def test_old_finished_bars_make_room():
    console = Console(file=io.StringIO(), force_terminal=True)
    screen = LiveScreen(console, automatic=False)
    for number in range(20):
        screen.show(Started(str(number), 1, f"epoch {number}", "steps"))
        screen.show(Finished(str(number)))
    assert [task.description for task in screen.progress.tasks] == [
        f"epoch {number}" for number in range(14, 20)
    ]


def test_threads_share_one_screen_that_closes_with_the_last(recorder):
    def work(name):
        with progress.track(50, name) as bar:
            barrier.wait()
            for _ in range(50):
                bar.advance()

    barrier = threading.Barrier(4)
    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(e, Advanced) for e in recorder.events) == 200
    assert recorder.closed


def test_a_closed_stderr_does_not_end_the_work(monkeypatch):
    monkeypatch.setenv("CI", "true")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with progress.track(1, "work") as bar:
        bar.advance()
    assert not bars._process._open


def test_numbers_are_short():
    assert fields_text({"loss": np.float32(0.123456), "failures": 1234567}) == (
        "loss 0.123, failures 1234567"
    )


def test_a_full_or_broken_queue_is_passed_over():
    class Broken:
        def put_nowait(self, event):
            raise BrokenPipeError

    full = queues.Queue(maxsize=1)
    for queue in (full, Broken()):
        progress.relay_to(queue)
        try:
            with progress.track(3, "work") as bar:
                bar.advance()
        finally:
            progress.relay_to(None)
    assert isinstance(full.get(), Started)


def work_in_child(number: int) -> int:
    with progress.track(3, f"child {number}") as bar:
        for _ in range(3):
            bar.advance(failures=0)
    return number


def die_in_child(queue) -> None:
    progress.relay_to(queue)
    with progress.track(3, "lost") as bar:
        bar.advance()
        time.sleep(0.5)
        os._exit(9)


def test_children_draw_on_the_parents_screen(recorder):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    pool = ProcessPoolExecutor(
        2, mp_context=context, initializer=progress.relay_to, initargs=(queue,)
    )
    with progress.listen(queue), pool:
        assert list(pool.map(work_in_child, range(3))) == [0, 1, 2]
    started = {e.description for e in recorder.events if isinstance(e, Started)}
    assert started == {"child 0", "child 1", "child 2"}
    assert sum(isinstance(e, Finished) for e in recorder.events) == 3
    assert sum(e.count for e in recorder.events if isinstance(e, Advanced)) == 9
    assert recorder.closed


def test_a_lost_child_neither_hangs_nor_leaves_its_bar_open(recorder):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=die_in_child, args=(queue,))
    with progress.listen(queue):
        child.start()
        child.join(timeout=20)
        left_s = time.monotonic()
    assert child.exitcode == 9
    assert time.monotonic() - left_s < 5
    assert [type(e) for e in recorder.events] == [Started, Advanced, Finished]
    assert recorder.closed


def talk_in_child(queue) -> None:
    progress.relay_to(queue)
    with progress.track(5000, "talk") as bar:
        for _ in range(5000):
            bar.advance(failures=0)


def test_a_child_that_nobody_listens_to_ends():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=talk_in_child, args=(queue,))
    child.start()
    child.join(timeout=20)
    assert child.exitcode == 0


def test_a_queue_that_never_answers_does_not_hold_the_parent(recorder, monkeypatch):
    monkeypatch.setattr("avsc_kedro.progress.listening.DRAIN_AT_MOST_S", 0.1)

    class Stuck:
        def get(self, timeout):
            time.sleep(30)
            raise OSError("nobody waits any more")

    began_s = time.monotonic()
    with progress.listen(Stuck()):
        pass
    assert time.monotonic() - began_s < 2
