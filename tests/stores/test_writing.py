import errno
import logging
import os

import numpy as np
import pytest

from avsc_kedro import publish
from avsc_kedro.extraction import missing, shard_task
from avsc_kedro.stores import FeatureStore, StoreError, writing
from avsc_kedro.stores.index import read_index, write_index
from tests.stores.conftest import RECIPE, World, open_here
from tests.stores.test_feature_store import flip_row, shard_of

CLIPS = ["tram", "bus", "park", "metro", "plaza"]


@pytest.fixture
def store(world):
    """A sealed store of five clips in three shards."""
    world.extract(world.record(*CLIPS))
    return world.store().open()


def inodes(store):
    return {path.name: path.stat().st_ino for path in store.shards.iterdir()}


def files_of(store):
    """Every file of a store but the lock: {path: bytes}."""
    paths = [path for path in store.folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(store.folder): path.read_bytes() for path in paths}


def stop_before(monkeypatch, shards):
    """Let the process end before it makes so many shards."""
    real, made = missing.extract_shard, []

    def extract_shard(task):
        if len(made) == shards:
            raise KeyboardInterrupt
        made.append(task)
        return real(task)

    monkeypatch.setattr(missing, "extract_shard", extract_shard)


def test_an_interrupted_run_is_taken_up_and_ends_in_the_same_bytes(world, monkeypatch):
    planned = world.record("tram", "bad", "bus", "park", "bad2", "metro", "plaza")
    with monkeypatch.context() as patch:
        stop_before(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            world.extract(planned)
    assert not world.store().is_sealed()
    assert world.extract(planned) == ["bad2", "metro", "plaza"]
    interrupted = files_of(world.store())

    (world.folder / "features").rename(world.folder / "interrupted")
    world.extract(planned)
    assert files_of(world.store()) == interrupted


def test_failures_of_an_interrupted_run_are_not_tried_again(world, monkeypatch):
    planned = world.record("tram", "bad", "bus", "park")
    with monkeypatch.context() as patch:
        stop_before(patch, 1)
        with pytest.raises(KeyboardInterrupt):
            world.extract(planned)
    assert world.extract(planned) == ["bus", "park"]
    store = world.check("tram", "bus", "park")
    assert [failure.clip_id for failure in store.failures] == ["bad"]


def test_what_was_half_written_is_removed(world, store):
    for name in ("shards/.ab-1.h5", ".index-1234.json", ".plan-1.json", ".stamp-1.json"):
        (store.folder / name).write_bytes(b"half")
    (store.shards / "torn.h5").write_bytes(b"half")
    world.extract(world.plan(*CLIPS))
    left = {path.name for path in store.folder.rglob("*") if path.is_file()}
    assert left.isdisjoint({".ab-1.h5", ".index-1234.json", ".plan-1.json"})
    assert ".stamp-1.json" in left  # of another writer, who has no lock
    world.check(*CLIPS)


def test_nothing_is_written_where_nothing_changed(world, store):
    before = {path: path.stat() for path in store.folder.rglob("*.*5") if path.is_file()}
    index = (store.folder / "index.json").stat()
    assert world.extract(world.plan(*CLIPS)) == []
    assert {path: path.stat() for path in before} == before
    assert (store.folder / "index.json").stat() == index


def test_one_clip_replaced_is_its_shard_alone(world, store):
    before = inodes(store)
    world.record("park", saying="another")
    assert world.extract(world.plan(*CLIPS)) == ["park"]
    read = world.check(*CLIPS)
    new = set(inodes(read)) - set(before)
    assert new == {read.row("park").shard} == {read.row("metro").shard}
    assert {name: inodes(read)[name] for name in before} == before


def test_clips_added_get_a_shard_of_their_own(world, store):
    before = inodes(store)
    assert world.extract(world.record("airport", *CLIPS)) == ["airport"]
    read = world.check("airport", *CLIPS)
    assert set(inodes(read)) - set(before) == {read.row("airport").shard}
    assert {name: inodes(read)[name] for name in before} == before


def test_a_clip_removed_leaves_the_index_and_its_shard_stays(world, store):
    before = inodes(store)
    assert world.extract(world.plan("metro", "tram", "bus")) == []
    world.check("metro", "tram", "bus")
    assert inodes(store) == before
    assert world.store().why_outdated() is None


def test_a_damaged_row_beside_a_changed_clip_is_extracted_not_copied(world, store):
    flip_row(world, store, "bus")
    world.record("tram", saying="another")
    assert world.extract(world.plan(*CLIPS)) == ["bus", "tram"]
    world.check(*CLIPS)


def test_a_clip_that_breaks_is_a_failure_and_one_that_is_mended_a_row(world, monkeypatch):
    world.extract(world.record("tram", "bad", "bus"))
    assert world.extract(world.plan("tram", "bad", "bus")) == []
    world.record("bad", saying="mended sound of")
    monkeypatch.setattr(shard_task, "clip_features", lambda *a: {"mel": np.ones((4, 5, 2), "<f4")})
    world.extract(world.plan("tram", "bad", "bus"))
    read = world.store().open()
    assert read.clip_ids == ["tram", "bad", "bus"]
    assert read.failures == []


def test_an_old_shard_does_not_revive_a_clip_that_failed(world):
    world.extract(world.record("bad-soon", "tram"), size=1)
    world.record("bad-soon", saying="torn")
    world.extract(world.plan("bad-soon", "tram"), size=1)
    assert [failure.clip_id for failure in world.store().open().failures] == ["bad-soon"]
    assert world.extract(world.plan("bad-soon", "tram")) == []


def test_anew_extracts_all_and_tries_failures_again(world, store):
    everything = [*CLIPS, "bad"]
    world.extract(world.record(*everything))
    digest = world.store().open().content_digest
    assert world.extract(world.plan(*everything), anew=True) == sorted(everything)
    assert world.store().open().content_digest == digest
    world.check(*everything)


def test_other_libraries_are_named(world, store, monkeypatch, caplog):
    monkeypatch.setattr("avsc_kedro.stores.recipe.version", lambda name: "99.1")
    world.extract(world.plan(*CLIPS))
    assert "99.1" not in caplog.text
    world.extract(world.record("airport", *CLIPS))
    assert caplog.text.count("mel: the rest of this store was made with other libraries: ") == 1
    assert f"numpy {np.__version__}, now 99.1" in caplog.text


def test_a_damaged_plan_is_made_from_the_index(world, store):
    plan = store.folder / "plan.json"
    before = inodes(store)
    for damage in (b"{", b"", plan.read_bytes().replace(b"tram", b"trap")):
        plan.write_bytes(damage)
        world.record("tram", saying="sound of")
        assert world.extract(world.plan(*CLIPS)) == []
    world.record("tram", saying="another")
    assert world.extract(world.plan(*CLIPS)) == ["tram"]
    assert set(inodes(store)) - set(before) == {world.store().open().row("bus").shard}


def test_superseded_shards_stay_for_a_day_and_a_reader_keeps_its_map(world, store, monkeypatch):
    store["park"]
    old = shard_of(store, "park")
    before = world.expected("park")
    world.record("park", saying="another")
    world.extract(world.plan(*CLIPS))
    assert old.name in read_index(store.folder, recipe_id=RECIPE.id).superseded
    np.testing.assert_array_equal(store["metro"], world.expected("metro"))
    age_superseded(store, writing.KEEP_SUPERSEDED_S - 60)
    world.extract(world.plan(*CLIPS))
    assert old.exists()
    age_superseded(store, 120)
    world.extract(world.plan(*CLIPS))
    assert not old.exists()
    assert read_index(store.folder, recipe_id=RECIPE.id).superseded == {}
    np.testing.assert_array_equal(store["park"], before)  # mapped before it was deleted
    world.check(*CLIPS)


def age_superseded(store, seconds):
    index = read_index(store.folder, recipe_id=RECIPE.id)
    index.superseded = {name: since - seconds for name, since in index.superseded.items()}
    write_index(store.folder, index)


def test_collect_deletes_what_is_superseded_and_nothing_else(world, store, monkeypatch):
    assert store.collect() == []
    old = shard_of(store, "park")
    world.record("park", saying="another")
    world.extract(world.plan(*CLIPS))
    world.record("tram", saying="another")
    with monkeypatch.context() as patch:
        patch.setattr(missing, "seal", None)  # the run ends before it seals
        with pytest.raises(TypeError):
            world.extract(world.plan(*CLIPS))
    left_behind = len(inodes(store))
    assert store.collect(older_than_s=3600) == []
    assert store.collect() == [old]
    assert len(inodes(store)) == left_behind - 1
    assert world.extract(world.plan(*CLIPS)) == []
    world.check(*CLIPS)


def test_collect_of_no_store_is_nothing(tmp_path):
    assert FeatureStore(tmp_path / "mel", RECIPE).collect() == []


@pytest.mark.parametrize("name", ["Straßenbahn clips", 'it\'s "so"', "[a]*?", "路面電車"])
def test_any_path_and_clip_name_will_do(tmp_path, monkeypatch, name):
    world = World(tmp_path / name)
    monkeypatch.setattr(shard_task, "clip_features", world.compute)
    monkeypatch.setattr(missing, "open_pool", open_here)
    planned = world.record(name, "tram")
    world.extract(planned)
    world.check(name, "tram")
    assert world.store().why_outdated() is None
    assert world.store().verify() == []


def test_a_folder_that_refuses_is_named_and_reading_goes_on(world, store, monkeypatch):
    world.record("tram", saying="another")

    def refuse(path, mode):
        if mode != "rb":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return open(path, mode)

    monkeypatch.setattr(publish, "open", refuse, raising=False)
    with pytest.raises(StoreError, match=f"write to {store.folder}.*Read-only file system.*again"):
        world.extract(world.plan(*CLIPS))
    read = world.store().open()
    np.testing.assert_array_equal(read["bus"], world.expected("bus"))
    assert read.why_outdated().startswith("1 recording changed")


def test_a_read_only_folder_is_read(world, store, monkeypatch):
    """Said to be so: to root, as whom tests may run, no folder is read-only."""

    def refuse(path, *_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("mkdir", "open", "replace", "unlink"):
        monkeypatch.setattr(publish.os, name, refuse)
    os.utime(world.folder / "tram.wav", ns=(1, 1))
    assert world.store().why_outdated() is None
    world.check(*CLIPS)


def test_missing_shards_are_said(world, store, caplog):
    shard_of(store, "tram").unlink()
    with caplog.at_level(logging.WARNING):
        assert world.extract(world.plan(*CLIPS)) == ["bus", "tram"]
    assert "is missing or cut short; its 2 clips are made anew" in caplog.text


def test_a_hundred_extractions_leave_no_more_than_they_need(world):
    planned = world.record(*CLIPS)
    for _ in range(100):
        world.extract(planned)
    assert len(list(world.store().folder.rglob("*"))) == 8


def test_a_clip_is_tried_again_as_often_as_it_is_asked_for(world):
    clips = world.record("tram", "bad", "bus", "park")
    world.extract(clips)
    for _ in range(3):
        assert world.store().forget_failures() == 1
        assert "bad" in world.extract(clips)
        world.check("tram", "bus", "park")
    world.record("bus", saying="another")
    assert "bus" in world.extract(clips)
    assert world.store().forget_failures() == 1
    assert "bad" in world.extract(clips)
    assert world.store().why_outdated() is None
