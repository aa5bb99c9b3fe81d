"""Benchmarks at a tiny size: they assert that data are equal themselves, and print every row."""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from avsc_kedro.extraction import missing
from benchmarks import fresh_run, store_access


def cells(table: str) -> list[list[str]]:
    """Cells of each line of a Markdown table below its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_store_access_measures_every_way(tmp_path, monkeypatch):
    # Threads in place of processes, which would take seconds to start.
    monkeypatch.setattr(store_access, "_extract_apart", store_access.extract)
    monkeypatch.setattr(missing, "open_pool", ThreadPoolExecutor)
    monkeypatch.setattr(missing, "extract_shard", missing.extract_shard)  # put back at the end
    monkeypatch.setenv("PEAKS", "")
    monkeypatch.setattr(store_access, "RECORDINGS", 1)
    monkeypatch.setattr(store_access, "CLIPS_PER_SMALL_SHARD", 1)
    sizes = store_access.Sizes(spectrograms=3, frames=2, shards=(1, 2), repeats=2, memory_repeats=1)
    lines = store_access.measure(tmp_path, sizes, store_access.PARTS)
    rows = cells(store_access.table(lines))
    measured = [row[1] for row in rows]
    readers = ["FeatureStore", "h5py, contiguous", "h5py, chunks=True"]
    assert measured[:9] == [*readers, *readers, "np.save", "write_shard", "FeatureStore"]
    assert measured[9:] == [*readers * 4, *measured[6:9], "2 shards", "2 shards"]
    assert all(line.ratio > 0 for line in lines)
    assert [row[5] for row in rows] == ["2"] * 8 + ["1"] + ["2"] * 14 + ["1"] * 3


def test_a_fresh_run_is_timed_and_runs_nothing(tmp_path):
    project = fresh_run.make_up(tmp_path, clips=40)
    timing = fresh_run.time_fresh_run(project, rounds=1)
    assert timing.clips == 40
    (row,) = cells(fresh_run.table({"made up": timing}))
    assert row[:3] == ["made up", "40", str(timing.steps)]
    assert timing.steps > 40


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("clips: up to date\n", "skipped"),
        ("clips: up to date\nsplits: up to date\n", "done"),
    ],
)
def test_a_run_that_did_something_is_not_a_fresh_one(said, state):
    manifest = {"steps": [{"step": name, "state": state} for name in ("clips", "splits")]}
    with pytest.raises(RuntimeError, match="Expected each of 2 steps up to date"):
        fresh_run.require_up_to_date(said, manifest)


def test_a_round_begins_with_each_way_in_turn():
    called = []
    ways = {name: lambda name=name: called.append(name) or len(called) for name in "abc"}
    assert store_access.take_turns(ways, 2) == {"a": [1, 6], "b": [2, 4], "c": [3, 5]}
    assert called == list("abcbca")


def test_a_ratio_is_the_median_of_the_rounds():
    found = {"mine": [2.0, 30.0, 8.0], "its": [1.0, 10.0, 2.0]}
    (line,) = store_access.compare("reading", found, against="its", unit="{} s".format)
    assert line == ("reading", "mine", "its", "2.0 s", 3.0, 3)
