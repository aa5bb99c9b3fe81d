import json
import logging
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avsc_kedro.stores import FeatureStore, StoreError, source
from avsc_kedro.stores.checked_json import write_checked
from avsc_kedro.stores.index import FORMAT, read_index
from tests.stores.conftest import RECIPE

CLIPS = ["tram", "bus", "park", "metro"]
COMMAND = "kedro run --pipeline=features with the same --env and --params"
REPAIR = f"Run: kedro stores repair, then {COMMAND}"


@pytest.fixture
def store(world):
    """A sealed store of four clips in two shards, and one clip that failed."""
    world.extract(world.record(*CLIPS, "bad"))
    return world.store().open()


def shard_of(store, clip):
    return store.shards / store.row(clip).shard


def flip(path, position, bit=16):
    raw = bytearray(path.read_bytes())
    raw[position] ^= bit
    path.write_bytes(bytes(raw))


def flip_row(world, store, clip):
    path = shard_of(store, clip)
    flip(path, path.read_bytes().index(world.expected(clip).tobytes()) + 7)
    return path


def test_reads_like_an_array(world, store):
    values = [world.expected(clip) for clip in CLIPS]
    assert store.clip_ids == CLIPS
    assert store.shape == (len(store), 4, 5, 2) == (4, 4, 5, 2)
    np.testing.assert_array_equal(store[2], values[2])
    np.testing.assert_array_equal(store[-1], values[3])
    np.testing.assert_array_equal(store[np.int64(1)], values[1])
    np.testing.assert_array_equal(store["bus"], values[1])
    np.testing.assert_array_equal(np.stack(list(store)), values)
    assert "park" in store
    assert "bad" not in store
    assert [failure.clip_id for failure in store.failures] == ["bad"]


def test_no_such_row(store):
    with pytest.raises(KeyError, match="bad is not in the mel store"):
        store["bad"]
    with pytest.raises(IndexError):
        store[4]


def test_a_selection_keeps_its_order(world, store):
    chosen = store.select(["metro", "tram"])
    assert len(chosen) == 2
    expected = [world.expected("metro"), world.expected("tram")]
    np.testing.assert_array_equal(np.stack(list(chosen)), expected)


def test_nothing_is_opened_before_a_row_is_read(store):
    for path in store.shards.glob("*.h5"):
        path.unlink()
    assert len(store) == 4
    with pytest.raises(StoreError, match=rf"cannot be read: No such file.*{REPAIR}"):
        store[0]


def test_pickles_without_its_maps_and_checks_anew(world, store):
    store[0]
    copy = pickle.loads(pickle.dumps(store))
    assert len(pickle.dumps(store)) < 8000
    np.testing.assert_array_equal(copy["bus"], world.expected("bus"))
    flip_row(world, store, "tram")
    with pytest.raises(StoreError, match="damaged"):
        pickle.loads(pickle.dumps(store))["tram"]


def test_many_threads_read_the_same(world, store):
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(store.__getitem__, CLIPS * 50))
    for clip, row in zip(CLIPS * 50, rows, strict=True):
        np.testing.assert_array_equal(row, world.expected(clip))


def test_a_flipped_byte_names_file_clip_and_command(world, store):
    path = flip_row(world, store, "bus")
    np.testing.assert_array_equal(store["tram"], world.expected("tram"))
    with pytest.raises(StoreError) as caught:
        store["bus"]
    assert f"{path} is damaged: the features of bus" in str(caught.value)
    assert REPAIR in str(caught.value)


def test_damage_to_hdf5_itself_does_not_reach_a_reader(world, store):
    for path in store.shards.glob("*.h5"):
        for position in range(96):
            flip(path, position)
    world.check(*CLIPS)


def test_an_absent_store_names_the_command_and_the_recipes_there(store, tmp_path):
    other = FeatureStore(store.folder.parent, RECIPE._replace(extractor_version=2))
    assert not other.is_sealed()
    assert other.why_outdated() == "there is no index yet"
    with pytest.raises(StoreError, match=f"{RECIPE.id}.*Run: {COMMAND}"):
        other.open()
    with pytest.raises(StoreError, match="recipes there: none"):
        FeatureStore(tmp_path / "gam", RECIPE).open()


@pytest.mark.parametrize("text", ["", "{", "{}", '{"recipe": "x", "rows": []}', "[]"])
def test_a_damaged_index_is_refused(world, store, text):
    (store.folder / "index.json").write_text(text)
    with pytest.raises(StoreError, match=rf"index.json is damaged: .*{REPAIR}"):
        store.open()
    with pytest.raises(StoreError, match="is damaged"):
        world.extract(world.plan(*CLIPS))
    assert "index.json is damaged" in store.why_outdated()


def test_an_index_of_another_recipe_is_refused(world, store):
    other = FeatureStore(store.folder.parent, RECIPE._replace(extractor_version=2))
    other.folder.mkdir()
    (store.folder / "index.json").rename(other.folder / "index.json")
    with pytest.raises(StoreError, match="not an index of recipe"):
        other.open()


def write_index_of_version_0_1_0(store):
    row = {"clip_id": "tram", "shard": "tram.h5", "index": 0, "checksum": 1, "source": ["", 1, 2]}
    index = {"recipe": RECIPE.id, "rows": [row], "failures": []}
    (store.folder / "index.json").write_text(json.dumps(index))
    (store.folder / "recipe.json").write_text(RECIPE.canonical)
    for path in store.shards.iterdir():
        path.unlink()
    (store.shards / "tram.h5").write_bytes(b"of another format")


def write_index_of_the_next_format(store):
    write_checked(store.folder / "index.json", "index", {"format": FORMAT + 1, "rows": {"tram": 1}})


@pytest.mark.parametrize(
    ("write", "made"), [(write_index_of_version_0_1_0, CLIPS), (write_index_of_the_next_format, [])]
)
def test_an_index_of_another_format_is_none_and_made_anew(world, store, caplog, write, made):
    """What the shards of this format hold is taken up; others are superseded."""
    write(store)
    assert world.store().why_outdated() == "there is no index yet"
    assert world.store().verify() == []
    assert world.store().collect() == []
    with pytest.raises(StoreError, match=rf"recipes there: none.*Run: {COMMAND}"):
        world.store().open()
    with caplog.at_level(logging.INFO):
        assert set(made) <= set(world.extract(world.plan(*CLIPS, "bad"))) <= {*made, "bad"}
    assert caplog.text.count("index of another format; this store is made anew") == 1
    world.check(*CLIPS)
    assert world.store().why_outdated() is None
    superseded = read_index(store.folder, recipe_id=RECIPE.id).superseded
    assert set(superseded) == ({"tram.h5"} if made else set())


def test_a_flipped_bit_never_makes_an_index_one_of_another_format(world, store):
    path = store.folder / "index.json"
    for position in range(path.stat().st_size):
        flip(path, position, 1 << position % 8)
        with pytest.raises(StoreError, match="is damaged"):
            read_index(store.folder, recipe_id=RECIPE.id)
        flip(path, position, 1 << position % 8)


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: flip(path, 20)])
def test_a_damaged_recipe_is_outdated_and_the_next_run_writes_it(world, store, damage):
    before = (store.folder / "index.json").stat()
    damage(store.folder / "recipe.json")
    assert world.store().why_outdated() == "its recipe.json is damaged"
    assert world.extract(world.plan(*CLIPS, "bad")) == []
    assert world.store().why_outdated() is None
    assert (store.folder / "index.json").stat() == before


def test_the_index_is_json_and_says_where_the_rows_are(store):
    lines = (store.folder / "index.json").read_text().splitlines()
    index = json.loads("\n".join(lines))["index"]
    assert json.loads(f"{lines[0].rstrip(',')}}}")["digest"]
    assert index["shards"][store.row("tram").shard]["bytes"] == (
        shard_of(store, "tram").stat().st_size
    )
    assert [row[0] for row in index["rows"]] == CLIPS


def test_the_recipe_lies_beside_the_index_with_what_it_was_made_with(store):
    written = json.loads((store.folder / "recipe.json").read_text())
    assert written["options"] == {"stft": {"n_fft": 8}}
    assert written["shape"] == [4, 5, 2]
    assert written["made_with"]["numpy"] == np.__version__
    assert store.recipe.id == store.folder.name


def test_the_recipe_decides_the_folder():
    others = [
        RECIPE._replace(kind="gam"),
        RECIPE._replace(options={"stft": {"n_fft": 16}}),
        RECIPE._replace(extractor_version=2),
        RECIPE._replace(shape=(4, 6, 2)),
        RECIPE._replace(dtype="|u1"),
    ]
    assert len({recipe.id for recipe in [RECIPE, *others]}) == 6
    reordered = RECIPE._replace(options={"b": 1, "a": 2})
    assert reordered.id == reordered._replace(options={"a": 2, "b": 1}).id


def test_the_content_digest_follows_content_not_place_or_time(world, store):
    digest = store.content_digest
    world.extract(world.plan(*CLIPS, "bad"), size=3, anew=True)
    assert world.store().open().content_digest == digest
    for clip in CLIPS:
        os.utime(world.folder / f"{clip}.wav", ns=(1, 1))
    assert world.store().why_outdated() is None
    assert world.store().open().content_digest == digest
    world.extract(world.plan(*CLIPS))
    without_failure = world.store().open().content_digest
    world.extract(world.plan(*reversed(CLIPS), "bad"))
    reordered = world.store().open().content_digest
    world.record("bus", saying="another")
    world.extract(world.plan(*CLIPS, "bad"))
    changed = world.store().open().content_digest
    assert len({digest, without_failure, reordered, changed}) == 4


def test_up_to_date_until_a_recording_changes(world, store):
    assert world.store().why_outdated() is None
    world.record("bus", saying="another")
    world.record("park", saying="SOUND OF")  # as long as it was
    (first,) = world.plan("bus")
    expected = f"2 recordings changed, the first is {first.path}"
    assert world.store().why_outdated() == expected
    (world.folder / "bus.wav").unlink()
    assert world.store().why_outdated() == expected
    world.record("bad", "bus", "park")
    assert world.store().why_outdated() is None
    world.record("bad", saying="other")
    assert "1 recording changed" in world.store().why_outdated()


def test_a_touched_recording_is_read_once_and_then_known(world, store, monkeypatch):
    os.utime(world.folder / "bus.wav", ns=(1, 1))
    assert world.store().why_outdated() is None
    monkeypatch.setattr(source, "digest_file", None)
    assert world.store().why_outdated() is None
    assert world.store().open().row("bus").source.mtime_ns == 1


def test_a_touched_recording_is_known_by_an_extraction_too(world, store, monkeypatch):
    os.utime(world.folder / "bus.wav", ns=(1, 1))
    assert world.extract(world.plan(*CLIPS, "bad")) == []
    monkeypatch.setattr(source, "digest_file", None)
    assert world.store().why_outdated() is None


def test_a_copy_with_the_time_of_the_old_one_is_read(world, store):
    path = world.folder / "bus.wav"
    status = path.stat()
    path.rename(world.folder / "old.wav")
    world.record("bus", saying="SOUND OF")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "1 recording changed" in world.store().why_outdated()


def test_sources_are_not_refreshed_while_another_run_writes(world, store, monkeypatch):
    monkeypatch.setattr("avsc_kedro.stores.outdated.write_lock", taken)
    before = (store.folder / "index.json").read_bytes()
    os.utime(world.folder / "bus.wav", ns=(1, 1))
    assert world.store().why_outdated() is None
    assert (store.folder / "index.json").read_bytes() == before


def taken(folder, *, wait):
    assert not wait
    raise StoreError("another run is writing")


def test_a_missing_or_short_shard_is_outdated(world, store):
    path = shard_of(store, "tram")
    os.truncate(path, 500)
    assert world.store().why_outdated() == f"shard {path.name} is missing or cut short"
    path.unlink()
    shard_of(store, "park").unlink()
    assert "missing or cut short, and 1 more" in world.store().why_outdated()
    assert world.extract(world.plan(*CLIPS, "bad")) == sorted(CLIPS)
    world.check(*CLIPS)


def test_many_clips_are_checked_without_reading_their_recordings(world, monkeypatch):
    planned = world.record(*(f"clip{i:03}" for i in range(300)))
    world.extract(planned, size=64)
    read = []
    monkeypatch.setattr(source, "digest_file", read.append)
    store = world.store()
    assert store.why_outdated() is None
    assert store.open().content_digest
    assert read == []
    assert len(read_index(store.folder, recipe_id=RECIPE.id).shards) == 5
