"""Outputs are made by one run at a time."""

import threading
import time

import pytest
from filelock import FileLock, Timeout

from avsc_kedro.freshness.turns import take_turns


def test_different_outputs_are_made_side_by_side(tmp_path):
    f4, f5 = ["f4--model.keras"], ["f5--model.keras"]
    with take_turns(tmp_path, f4), take_turns(tmp_path, f5):
        assert len(list(tmp_path.iterdir())) == 2


def test_nothing_to_make_writes_nothing(tmp_path):
    with take_turns(tmp_path / "locks", []):
        pass
    assert not (tmp_path / "locks").exists()


def test_the_second_waits_for_the_first_and_says_so(tmp_path, caplog):
    caplog.set_level("INFO")
    order = []

    def second():
        with take_turns(tmp_path, ["a--x", "f4--model.keras"]):
            order.append("second")

    other = threading.Thread(target=second)
    with take_turns(tmp_path, ["f4--model.keras", "z--y"]):
        other.start()
        while "waiting" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    assert "another run is making f4--model.keras" in caplog.text


def test_overlapping_outputs_in_any_order_block_nobody_for_ever(tmp_path):
    names = ["a", "b", "c", "d"]
    done = []

    def make(wanted):
        for _ in range(20):
            with take_turns(tmp_path, wanted):
                done.append(wanted)

    threads = [threading.Thread(target=make, args=(names[i:] + names[:i],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 80


def test_a_failure_ends_the_turn(tmp_path):
    with pytest.raises(ValueError, match="broken"), take_turns(tmp_path, ["a"]):
        raise ValueError("broken")
    with take_turns(tmp_path, ["a"]), pytest.raises(Timeout):
        FileLock(tmp_path / "a.lock").acquire(timeout=0)
