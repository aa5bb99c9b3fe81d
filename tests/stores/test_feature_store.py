import json
import os
import pickle
import time

import numpy as np
import pytest

from avsc_kedro.stores import FeatureStore, StoreError
from avsc_kedro.stores.feature_store import Failure, Recipe
from avsc_kedro.stores.shard import identify_source, read_rows, write_shard

RECIPE = Recipe("mel", {"stft": {"n_fft": 8}}, 1, (4, 5, 2), "<f4")
CLIPS = ["tram", "bus", "park", "metro"]
VALUES = np.random.default_rng(0).standard_normal((4, 4, 5, 2)).astype("<f4")


@pytest.fixture
def sources(tmp_path):
    """One small file a clip, standing for its recording."""
    files = {}
    for clip in [*CLIPS, "bad"]:
        files[clip] = tmp_path / "clips" / f"{clip}.wav"
        files[clip].parent.mkdir(exist_ok=True)
        files[clip].write_text(f"sound of {clip}")
    return files


@pytest.fixture
def add_shard(sources):
    """Publish one shard of some clips."""

    def add(store, clips):
        name = write_shard(
            store.shards,
            recipe_id=store.recipe.id,
            clip_ids=clips,
            features=VALUES[[CLIPS.index(clip) for clip in clips]],
            sources=[identify_source(str(sources[clip])) for clip in clips],
        )
        return read_rows(store.shards / name, recipe_id=store.recipe.id)

    return add


@pytest.fixture
def store(tmp_path, sources, add_shard):
    """A sealed store of four clips in two shards, and one clip that failed."""
    store = FeatureStore(tmp_path / "mel", RECIPE)
    rows = add_shard(store, ["tram", "bus"]) + add_shard(store, ["park", "metro"])
    failure = Failure("bad", identify_source(str(sources["bad"])), "no sound")
    store.seal([*CLIPS, "bad"], rows, [failure])
    return store


def reopened(store):
    return FeatureStore(store.folder.parent, store.recipe).open()


def test_reads_like_an_array(store):
    read = reopened(store)
    assert read.clip_ids == CLIPS
    assert len(read) == 4
    assert read.shape == (4, 4, 5, 2)
    np.testing.assert_array_equal(read[2], VALUES[2])
    np.testing.assert_array_equal(read[-1], VALUES[3])
    np.testing.assert_array_equal(read[np.int64(1)], VALUES[1])
    np.testing.assert_array_equal(read["bus"], VALUES[1])
    np.testing.assert_array_equal(np.stack(list(read)), VALUES)
    assert "park" in read
    assert "bad" not in read


def test_no_such_row(store):
    with pytest.raises(KeyError, match="bad is not in the mel store"):
        store["bad"]
    with pytest.raises(IndexError):
        store[4]


def test_a_selection_keeps_its_order(store):
    chosen = reopened(store).select(["metro", "tram"])
    assert len(chosen) == 2
    np.testing.assert_array_equal(np.stack(list(chosen)), VALUES[[3, 0]])


def test_nothing_is_opened_before_a_row_is_read(store):
    read = reopened(store)
    for path in store.shards.glob("*.h5"):
        path.unlink()
    assert len(read) == 4
    with pytest.raises(StoreError, match=r"cannot be read.*kedro run --pipeline=phase1"):
        read[0]


def test_pickles_without_its_maps(store):
    read = reopened(store)
    read[0]
    copy = pickle.loads(pickle.dumps(read))
    assert len(pickle.dumps(read)) < 5000
    np.testing.assert_array_equal(np.stack(list(copy)), VALUES)


def test_a_flipped_byte_names_file_clip_and_command(store):
    read = reopened(store)
    shard = store.shards / read._rows["bus"].shard
    raw = bytearray(shard.read_bytes())
    raw[raw.index(VALUES[1].tobytes()) + 7] ^= 16
    shard.write_bytes(bytes(raw))
    np.testing.assert_array_equal(read["tram"], VALUES[0])
    with pytest.raises(StoreError) as caught:
        read["bus"]
    message = str(caught.value)
    assert str(shard) in message
    assert "features of bus" in message
    assert f"Delete {store.folder} and run kedro run --pipeline=phase1" in message
    assert "with the same --env and --params" in message


def test_an_absent_store_names_the_command_and_the_recipes_there(store, tmp_path):
    other = FeatureStore(tmp_path / "mel", RECIPE._replace(extractor_version=2))
    assert not other.is_sealed()
    command = "kedro run --pipeline=phase1 with the same --env and --params"
    with pytest.raises(StoreError, match=f"{RECIPE.id}.*Run: {command}"):
        other.open()
    with pytest.raises(StoreError, match="recipes there: none"):
        FeatureStore(tmp_path / "gam", RECIPE).open()


@pytest.mark.parametrize("text", ["{", "{}", '{"rows": [{"x": 1}], "failures": []}', "[]"])
def test_a_damaged_index_is_refused(store, text):
    (store.folder / "index.json").write_text(text)
    with pytest.raises(StoreError, match=r"index.json is damaged.*kedro run"):
        reopened(store)


def test_recover_adopts_shards_that_no_index_names(tmp_path, add_shard, sources):
    store = FeatureStore(tmp_path / "mel", RECIPE)
    add_shard(store, ["tram", "bus"])
    (store.shards / ".torn-1.h5").write_bytes(b"half")
    (store.shards / "torn.h5").write_bytes(b"half")
    assert not store.is_sealed()
    store.recover()
    assert store.is_done("bus", str(sources["bus"]))
    assert not store.is_done("park", str(sources["park"]))
    store.seal(["bus", "tram"], [], [])
    np.testing.assert_array_equal(np.stack(list(reopened(store))), VALUES[[1, 0]])


def test_recover_removes_what_killed_runs_had_half_written(tmp_path, add_shard, sources):
    store = FeatureStore(tmp_path / "mel", RECIPE)
    add_shard(store, ["tram", "bus"])
    for name, age_s in ((".old-1.h5", 4000), (".new-2.h5", 60), ("torn.h5", 4000)):
        (store.shards / name).write_bytes(b"half")
        os.utime(store.shards / name, (time.time() - age_s,) * 2)
    store.recover()
    left = {path.name for path in store.shards.iterdir()}
    assert {".new-2.h5", "torn.h5"} < left  # a run beside this one may be writing the new one
    assert ".old-1.h5" not in left
    assert store.is_done("tram", str(sources["tram"]))


def test_a_shard_of_another_recipe_is_ignored(store, tmp_path, add_shard):
    other = FeatureStore(tmp_path / "mel", RECIPE._replace(extractor_version=2))
    other.shards.mkdir(parents=True)
    for path in store.shards.glob("*.h5"):
        (other.shards / path.name).write_bytes(path.read_bytes())
    other.recover()
    assert all(clip not in other for clip in CLIPS)


def test_done_means_the_very_file(store, sources):
    path = sources["tram"]
    assert store.is_done("tram", str(path))
    assert not store.is_done("unknown", str(path))
    assert not store.is_done("tram", str(path.with_name("absent.wav")))
    assert not store.is_done("tram", str(sources["park"]))

    os.utime(path, ns=(1, 1))
    assert store.is_done("tram", str(path))  # touched, the same content
    path.write_text("SOUND OF TRAM")
    assert not store.is_done("tram", str(path))  # the same length, other content
    path.write_text("sound of another tram")
    assert not store.is_done("tram", str(path))


def test_done_follows_a_file_that_moved(store, sources, tmp_path):
    moved = tmp_path / "moved.wav"
    sources["bus"].rename(moved)
    assert store.is_done("bus", str(moved))


def test_an_unchanged_file_is_not_read_again(store, sources, monkeypatch):
    monkeypatch.setattr("avsc_kedro.stores.feature_store.digest_file", None)
    assert store.is_done("tram", str(sources["tram"]))


def test_failures_are_kept_and_not_tried_again(store, sources):
    read = reopened(store)
    [failure] = read.failures
    assert (failure.clip_id, failure.reason) == ("bad", "no sound")
    assert read.is_done("bad", str(sources["bad"]))
    sources["bad"].write_text("sound of bad, repaired")
    assert not read.is_done("bad", str(sources["bad"]))


def test_a_repaired_clip_is_no_failure_and_a_broken_one_no_row(store, sources, add_shard):
    store.seal(CLIPS, [], [Failure("tram", identify_source(str(sources["tram"])), "torn")])
    assert reopened(store).clip_ids == ["bus", "park", "metro"]
    assert [f.clip_id for f in reopened(store).failures] == ["tram"]
    store.seal(CLIPS, add_shard(store, ["tram"]), [])
    assert reopened(store).clip_ids == CLIPS
    assert reopened(store).failures == []


def test_a_shard_left_over_does_not_revive_a_clip_that_failed(tmp_path, sources, add_shard):
    store = FeatureStore(tmp_path / "mel", RECIPE)
    store.seal(["tram"], add_shard(store, ["tram"]), [])
    sources["tram"].write_text("torn")
    store.seal(["tram"], [], [Failure("tram", identify_source(str(sources["tram"])), "torn")])
    again = FeatureStore(tmp_path / "mel", RECIPE).recover()
    assert "tram" not in again
    assert again.is_done("tram", str(sources["tram"]))


def test_clips_that_left_the_table_leave_the_index(store):
    store.seal(["park", "tram"], [], [])
    for read in (store, reopened(store)):
        assert read.clip_ids == ["park", "tram"]
        assert read.failures == []
        assert "bus" not in read
    index = json.loads((store.folder / "index.json").read_text())
    assert [row["clip_id"] for row in index["rows"]] == ["park", "tram"]


def test_a_row_sealed_anew_is_checked_anew(store, add_shard):
    store["tram"]
    rows = add_shard(store, ["tram"])
    store.seal(CLIPS, [rows[0]._replace(checksum=rows[0].checksum ^ 1)], [])
    with pytest.raises(StoreError, match="damaged"):
        store["tram"]


def test_the_recipe_decides_the_folder():
    others = [
        RECIPE._replace(kind="gam"),
        RECIPE._replace(options={"stft": {"n_fft": 16}}),
        RECIPE._replace(extractor_version=2),
        RECIPE._replace(shape=(4, 6, 2)),
        RECIPE._replace(dtype="|u1"),
    ]
    assert len({recipe.id for recipe in [RECIPE, *others]}) == 6
    reordered = Recipe("mel", {"b": 1, "a": 2}, 1, (1,), "<f4")
    assert reordered.id == reordered._replace(options={"a": 2, "b": 1}).id


def test_the_recipe_lies_beside_the_index(store):
    written = json.loads((store.folder / "recipe.json").read_text())
    assert written["options"] == {"stft": {"n_fft": 8}}
    assert written["shape"] == [4, 5, 2]
