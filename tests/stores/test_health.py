import collections
import re
import shutil

import numpy as np
import pytest

from avsc_kedro.stores import StoreError
from avsc_kedro.stores.store_error import REPAIR
from tests.stores.conftest import RECIPE
from tests.stores.test_feature_store import flip, flip_row, shard_of

CLIPS = ["tram", "bus", "park", "metro", "plaza"]


@pytest.fixture
def store(world):
    """A sealed store of five clips in three shards, and one clip that failed."""
    world.extract(world.record("tram", "bus", "bad", "park", "metro", "plaza"))
    return world.store().open()


def extract(world):
    return world.extract(world.plan("tram", "bus", "bad", "park", "metro", "plaza"))


def regions(store):
    """Every region of every file of a store: {name: (path, positions)}."""
    found = {}
    for number, path in enumerate(sorted(store.shards.glob("*.h5"))):
        whole = path.read_bytes()
        clips = [clip for clip in CLIPS if shard_of(store, clip) == path]
        offset = whole.index(store[clips[0]].tobytes())
        end = offset + len(clips) * RECIPE.row_bytes
        described = whole.index(b'{"recipe": ')
        found[f"superblock and metadata {number}"] = (path, range(offset))
        found[f"features {number}"] = (path, range(offset, end))
        found[f"description {number}"] = (path, range(described, whole.rindex(b"]}") + 2))
    for name in ("index.json", "plan.json", "recipe.json"):
        path = store.folder / name
        first = path.read_bytes().index(b"\n")
        found[f"{name} first line"] = (path, range(first + 1))
        found[f"{name} body"] = (path, range(first + 1, path.stat().st_size))
    return found


def spread(positions, count):
    """Positions over a region, each with a bit to flip."""
    chosen = np.linspace(positions.start, positions.stop - 1, count).astype(int)
    return [(int(position), 1 << number % 8) for number, position in enumerate(chosen)]


def test_no_flipped_bit_gives_a_wrong_value(world, store):
    """600 places; nothing wrong is read, and what is refused names file and command."""
    places = regions(store)
    seen = collections.Counter()
    count = -(-600 // len(places))
    for region, (path, positions) in places.items():
        for position, bit in spread(positions, count):
            flip(path, position, bit)
            seen[read_all(world, path, region)] += 1
            flip(path, position, bit)
    print(f"{sum(seen.values())} flips: {dict(seen)}")
    assert sum(seen.values()) >= 600
    assert seen["features: refused"] == 3 * count
    assert seen["features: read"] == 0
    assert seen["index.json body: refused"] == count
    assert seen["index.json first line: refused"] == count


def read_all(world, path, region):
    """Read every row with its right values, or an error that names `path` and the command."""
    errors = []
    try:
        read = world.store().open()
        assert read.clip_ids == CLIPS
    except StoreError as error:
        errors.append(str(error))
    for clip in CLIPS if not errors else []:
        try:
            np.testing.assert_array_equal(read[clip], world.expected(clip))
        except StoreError as error:
            errors.append(str(error))
    assert all(str(path) in error and REPAIR in error for error in errors)
    return f"{re.sub(r' [0-9]$', '', region)}: {'refused' if errors else 'read'}"


def test_no_flipped_bit_is_adopted(world, store):
    """Without an index the shards are all there is; a damaged one is made again."""
    places = regions(store)
    (store.folder / "index.json").unlink()
    shutil.copytree(store.folder, world.folder / "before")
    adopted = 0
    for region, (path, positions) in places.items():
        if path.suffix != ".h5":
            continue
        for position, bit in spread(positions, 7):
            shutil.rmtree(store.folder)
            shutil.copytree(world.folder / "before", store.folder)
            flip(path, position, bit)
            decoded = extract(world)
            world.check(*CLIPS)
            adopted += decoded == []
            if region.startswith(("features", "description")):
                assert decoded
    assert adopted > 0


def test_a_whole_store_has_no_damage_and_repair_leaves_it(world, store):
    before = (store.folder / "index.json").stat()
    assert store.verify() == []
    assert store.repair() == []
    assert (store.folder / "index.json").stat() == before


def test_verify_reads_every_row(world, store):
    path = flip_row(world, store, "bus")
    [damage] = world.store().verify()
    assert damage.path == path
    assert damage.clip_ids == ["tram", "bus"]
    assert "the features of bus no longer have their checksum" in damage.reason


def test_repair_sets_a_shard_aside_and_the_next_run_makes_exactly_that(world, store, caplog):
    path = flip_row(world, store, "bus")
    assert [damage.path for damage in world.store().repair()] == [path]
    assert not path.exists()
    assert (store.folder / "quarantine" / path.name).exists()
    assert world.store().open().clip_ids == ["park", "metro", "plaza"]
    reason = "a repair took 2 clips out, the first is tram"
    assert world.store().why_outdated() == reason
    assert reason in caplog.text
    assert extract(world) == ["bus", "tram"]
    world.check(*CLIPS)
    assert world.store().why_outdated() is None


def test_a_shard_that_hdf5_cannot_open_is_damage_though_its_rows_are_read(world, store):
    path = shard_of(store, "park")
    flip(path, 0)
    world.check(*CLIPS)
    [damage] = store.verify()
    assert (damage.path, damage.clip_ids) == (path, ["park"])
    assert "cannot be read as HDF5" in damage.reason


def test_a_missing_shard_is_damage_without_a_file(world, store):
    path = shard_of(store, "metro")
    path.unlink()
    [damage] = store.repair()
    assert (damage.path, damage.clip_ids) == (path, ["metro", "plaza"])
    assert "No such file" in damage.reason
    assert extract(world) == ["metro", "plaza"]
    world.check(*CLIPS)


def test_a_shard_of_another_recipe_under_its_name_is_not_read(world, store):
    here, there = shard_of(store, "tram"), shard_of(store, "metro")
    here.write_bytes(there.read_bytes())
    for clip in ("tram", "bus"):
        with pytest.raises(StoreError, match=f"{here.name} is damaged"):
            world.store().open()[clip]
    assert [damage.path for damage in store.repair()] == [here]
    extract(world)
    world.check(*CLIPS)


def test_a_damaged_index_is_built_anew_from_the_shards(world, store):
    (store.folder / "index.json").write_text("{")
    broken = flip_row(world, store, "plaza")
    paths = [damage.path for damage in world.store().repair()]
    assert paths == [store.folder / "index.json", broken]
    assert (store.folder / "quarantine" / "index.json").read_text() == "{"
    rebuilt = world.store().open()
    assert rebuilt.clip_ids == ["tram", "bus", "park"]
    assert [failure.clip_id for failure in rebuilt.failures] == ["bad"]
    assert rebuilt.why_outdated() == "a repair rebuilt its index from its shards"
    assert extract(world) == ["metro", "plaza"]
    world.check(*CLIPS)


def test_a_damaged_recipe_is_written_again(world, store):
    flip(store.folder / "recipe.json", 20)
    [damage] = store.verify()
    assert damage.path == store.folder / "recipe.json"
    store.repair()
    assert store.verify() == []
    assert store.why_outdated() is None


def test_quarantine_keeps_both_of_two_with_one_name(world, store):
    for _ in range(2):
        (store.folder / "index.json").write_text("{")
        world.store().repair()
    assert len(list((store.folder / "quarantine").iterdir())) == 2
