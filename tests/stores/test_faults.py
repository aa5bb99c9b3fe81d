"""A crash at every step of extracting and sealing, and a full disk at each."""

import collections
import shutil

import numpy as np
import pytest

from avsc_kedro import publish
from avsc_kedro.stores import StoreError, recipe, writing
from avsc_kedro.stores.shard import read_shard
from tests.stores.conftest import RECIPE, values_of
from tests.stores.failing_disk import Died, FailingDisk

FIRST = ["tram", "bus", "bad", "park", "metro", "plaza"]
THEN = ["bus", "tram", "bad", "park", "metro", "plaza", "airport"]


@pytest.fixture
def attempt(world, monkeypatch):
    """Extract on a failing disk; (disk, whether it came to its end)."""

    def run(clips, fail_at=0, how="killed"):
        disk = FailingDisk(fail_at, how)
        with monkeypatch.context() as patch:
            patch.setattr(publish, "os", disk)
            patch.setattr(publish, "open", disk.open_file, raising=False)
            try:
                world.extract(world.plan(*clips))
                ended = True
            except (Died, StoreError):
                ended = False
        disk.settle()
        return disk, ended

    return run


def start_fresh(world):
    world.record(*FIRST)
    return None


def start_from_an_older_store(world):
    """A sealed store whose next seal supersedes two shards and deletes them."""
    world.record(*FIRST)
    world.extract(world.plan(*FIRST))
    old = {clip: values_of(f"sound of {clip}") for clip in FIRST if clip != "bad"}
    world.record("bus", "metro", saying="another")
    world.record("airport")
    shutil.copytree(world.folder / "features", world.folder / "before")
    return old


@pytest.mark.parametrize(
    ("start", "clips"), [(start_fresh, FIRST), (start_from_an_older_store, THEN)]
)
def test_a_failure_at_any_step_costs_nothing_that_was_finished(
    world, attempt, monkeypatch, start, clips
):
    monkeypatch.setattr(writing, "KEEP_SUPERSEDED_S", 0)
    monkeypatch.setattr(
        publish.os, "fsync", lambda descriptor: None
    )  # only the failing disk counts
    monkeypatch.setattr(recipe, "version", lambda library: "1")  # slow to look up 500 times
    old = start(world)
    new = {clip: world.expected(clip) for clip in clips if clip != "bad"}
    whole, _ = attempt(clips)
    points = 0
    for how in ("killed", "power cut", "full"):
        for fail_at in range(1, len(whole.steps) + 1):
            restore(world)
            disk, ended = attempt(clips, fail_at, how)
            assert not ended or how == "full"
            check_reader(world, old, new)
            check_next_run(world, disk, clips)
            points += 1
    print(f"{points} points: {dict(collections.Counter(whole.steps))}")
    assert points > 100
    assert {"create", "write", "truncate", "fsync file", "rename", "fsync folder"} <= set(
        whole.steps
    )


def restore(world):
    features = world.folder / "features"
    shutil.rmtree(features, ignore_errors=True)
    if (world.folder / "before").exists():
        shutil.copytree(world.folder / "before", features)


def check_reader(world, old, new):
    """A reader finds the old store or the new one, or none if there was none."""
    if old is None and not world.store().is_sealed():
        with pytest.raises(StoreError, match="No mel features"):
            world.store().open()
        return
    store = world.store().open()
    held = new if store.clip_ids == list(new) else old
    assert store.clip_ids == list(held)
    for clip, values in held.items():
        np.testing.assert_array_equal(store[clip], values)


def check_next_run(world, disk, clips):
    """It makes again only what had not reached the disk."""
    finished = set()
    for path in disk.durable:
        if path.suffix == ".h5":
            shard = read_shard(path, recipe=RECIPE)
            assert shard is not None
            finished |= {made.clip_id for made in (*shard.rows, *shard.failures)}
    assert finished.isdisjoint(world.extract(world.plan(*clips)))
    world.check(*clips)
    assert world.store().why_outdated() is None
    assert list((world.store().shards).glob(".*")) == []
    assert world.store().verify() == []
