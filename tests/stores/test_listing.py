import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from avsc_kedro.stores import (
    FeatureStore,
    StoreBusyError,
    StoreError,
    delete_store,
    list_stores,
    store_at,
)
from avsc_kedro.stores.lock import write_lock
from tests.stores.conftest import RECIPE
from tests.stores.test_feature_store import shard_of

CLIPS = ["tram", "bus", "bad", "park", "metro"]


@pytest.fixture
def store(world):
    world.extract(world.record(*CLIPS))
    return world.store().open()


def only(store):
    [info] = list_stores(store.folder.parents[2])
    return info


def test_a_sealed_store_is_described(world, store):
    info = only(store)
    assert (info.data_set, info.kind, info.recipe_id) == ("features", "mel", RECIPE.id)
    assert (info.clips, info.failures, info.health) == (4, 1, "sealed")
    assert info.bytes == sum(p.stat().st_size for p in store.folder.rglob("*") if p.is_file())
    assert info.sealed_at == pytest.approx((store.folder / "index.json").stat().st_mtime)
    assert info.folder == store.folder


def test_whatever_is_wrong_is_its_health(store):
    shard_of(store, "tram").unlink()
    assert only(store).health == "1 shard missing"
    shard_of(store, "metro").write_bytes(b"")
    assert only(store).health == "2 shards missing"
    store.repair()
    assert only(store).health == "a repair took 3 clips out, the first is tram"
    (store.folder / "index.json").write_text("{")
    assert only(store).health == "index damaged"
    (store.folder / "recipe.json").write_text("{")
    (store.folder / "index.json").unlink()
    info = only(store)
    assert (info.health, info.clips, info.sealed_at) == ("no index", 0, None)


def test_what_is_no_store_is_not_listed(tmp_path):
    (tmp_path / "tau" / "mel" / "README").mkdir(parents=True)
    assert list_stores(tmp_path) == []
    assert list_stores(tmp_path / "absent") == []


def test_a_store_is_found_by_the_recipe_that_lies_there(world, store):
    found = store_at(store.folder)
    assert isinstance(found, FeatureStore)
    assert found.recipe == RECIPE
    assert found.open().clip_ids == store.clip_ids
    (store.folder / "recipe.json").write_text("{}")
    with pytest.raises(StoreError, match=r"recipe.json. It is missing or damaged. Run: kedro run"):
        store_at(store.folder)


def test_a_store_is_deleted_unless_it_is_being_written(store):
    with write_lock(store.folder), pytest.raises(StoreBusyError, match="another run is writing"):
        delete_store(store.folder)
    assert only(store).health == "sealed"
    (store.folder / "quarantine").mkdir()
    delete_store(store.folder)
    assert [path.name for path in store.folder.iterdir()] == [".lock"]
    assert list_stores(store.folder.parents[2]) == []


def test_a_run_that_waited_for_a_deletion_makes_the_store_anew(world, store, monkeypatch):
    deleting, go_on = threading.Event(), threading.Event()
    rmtree = shutil.rmtree

    def slowly(path):
        deleting.set()
        assert go_on.wait(60)
        rmtree(path)

    monkeypatch.setattr("avsc_kedro.stores.listing.shutil.rmtree", slowly)
    with ThreadPoolExecutor(2) as pool:
        deletion = pool.submit(delete_store, store.folder)
        assert deleting.wait(60)
        extraction = pool.submit(world.extract, world.plan(*CLIPS))
        time.sleep(0.2)
        go_on.set()
        deletion.result(60)
        assert extraction.result(60) == sorted(CLIPS)
    world.check(*CLIPS)
