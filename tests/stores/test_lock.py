import logging
import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from avsc_kedro.extraction import missing, shard_task
from avsc_kedro.stores import FeatureStore, StoreError
from avsc_kedro.stores.lock import write_lock
from tests.stores.conftest import RECIPE, World, open_here, values_of

FIRST, SECOND = ["tram", "bus", "park"], ["metro", "bus", "plaza"]


def extract_in_a_process(folder, clips, ready):
    world = World(folder)
    missing.open_pool = open_here
    shard_task.clip_features = slowly(world.compute)
    ready.wait(30)
    world.extract(world.plan(*clips))


def slowly(compute):
    def clip_features(*arguments):
        time.sleep(0.05)
        return compute(*arguments)

    return clip_features


def extract_at_once(world, *tables):
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(len(tables))
    processes = [
        context.Process(target=extract_in_a_process, args=(world.folder, clips, ready))
        for clips in tables
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(tables)


def test_two_processes_make_one_store(world):
    world.record(*FIRST, *SECOND)
    extract_at_once(world, FIRST, FIRST)
    world.check(*FIRST)
    assert len(list(world.store().shards.iterdir())) == 2


def test_two_processes_with_different_tables_lose_no_clip(world):
    world.record(*FIRST, *SECOND)
    extract_at_once(world, FIRST, SECOND)
    store = world.store().open()
    assert set(store.clip_ids) == {*FIRST, *SECOND}
    for clip in store.clip_ids:
        np.testing.assert_array_equal(store[clip], values_of(f"sound of {clip}"))
    assert store.why_outdated() is None


def test_clips_added_while_this_run_waited_stay_and_those_it_dropped_go(world, monkeypatch):
    world.extract(world.record(*FIRST))
    monkeypatch.setattr(missing, "write_lock", after(lambda: other_run(world, monkeypatch)))
    world.extract(world.record("tram", "airport"))
    world.check("tram", "airport", "metro")


def other_run(world, monkeypatch):
    monkeypatch.setattr(missing, "write_lock", write_lock)
    world.extract(world.record(*FIRST, "metro"))


def after(happens):
    """A lock that is had only after something else has."""

    def lock(folder):
        happens()
        return write_lock(folder)

    return lock


def test_a_second_writer_says_so_once_and_waits(tmp_path, caplog):
    folder, order = tmp_path / "mel" / "ab12", []
    with caplog.at_level(logging.INFO), write_lock(folder):
        waiting = threading.Thread(target=write, args=(folder, order))
        waiting.start()
        time.sleep(0.2)
        order.append("first is done")
    waiting.join(10)
    assert order == ["first is done", "second writes"]
    assert caplog.text.count("mel: another run is writing this store; waiting for it") == 1


def write(folder: Path, order: list[str]) -> None:
    with write_lock(folder):
        order.append("second writes")


def test_a_writer_that_does_not_wait_is_refused(tmp_path):
    refused = []

    def try_to_write():
        try:
            with write_lock(tmp_path / "mel" / "ab12", wait=False):
                pass
        except StoreError as error:
            refused.append(str(error))

    with write_lock(tmp_path / "mel" / "ab12"):
        other = threading.Thread(target=try_to_write)
        other.start()
        other.join()
    assert "another run is writing this store" in refused[0]


def test_the_lock_of_a_process_that_died_is_free(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "mel", ready))
    holder.start()
    assert ready.wait(30)
    holder.kill()
    holder.join()
    with write_lock(tmp_path / "mel", wait=False):
        pass


def hold(folder, ready):
    with write_lock(folder):
        ready.set()
        time.sleep(60)


def test_reading_takes_no_lock(world):
    world.extract(world.record(*FIRST))
    with write_lock(world.store().folder):
        world.check(*FIRST)
        assert world.store().why_outdated() is None
        assert world.store().verify() == []


def test_collection_waits_for_an_extraction_and_takes_nothing_it_needs(world, monkeypatch):
    world.extract(world.record(*FIRST))
    before = set(world.store().shards.iterdir())
    old = world.store().shards / world.store().open().row("tram").shard
    world.record("tram", saying="another")
    decoding, go_on = threading.Event(), threading.Event()

    def clip_features(*arguments):
        decoding.set()
        assert go_on.wait(60)
        return world.compute(*arguments)

    monkeypatch.setattr(shard_task, "clip_features", clip_features)
    with ThreadPoolExecutor(2) as pool:
        extraction = pool.submit(world.extract, world.plan(*FIRST))
        assert decoding.wait(60)
        collection = pool.submit(world.store().collect)
        time.sleep(0.3)
        assert not collection.done()
        assert before <= set(world.store().shards.iterdir())
        go_on.set()
        assert extraction.result(60) == ["tram"]
        assert collection.result(60) == [old]
    world.check(*FIRST)
    assert world.store().verify() == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "mel").write_text("a file")
    with pytest.raises(StoreError, match=r"Expected to write to .*mel"):
        FeatureStore(tmp_path / "mel", RECIPE).collect()
