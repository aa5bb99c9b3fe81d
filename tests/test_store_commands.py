"""The commands on a data root with one store of the present options and one of others."""

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

from avsc_kedro.cli import explain_input_errors
from avsc_kedro.config import ProjectConfigLoader
from avsc_kedro.errors import InputError
from avsc_kedro.extraction import PlannedClip, extract_missing, missing, shard_task
from avsc_kedro.features import make_recipe
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.settings import CONFIG_LOADER_ARGS
from avsc_kedro.store_commands import shelf_commands
from avsc_kedro.stores import FeatureStore
from avsc_kedro.stores.lock import write_lock
from tests.conftest import ROOT


@pytest.fixture
def stores(tmp_path, monkeypatch, fill):
    """A used and an unused store of one clip each."""
    monkeypatch.setenv("AVSC_DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.chdir(ROOT)
    bootstrap_project(ROOT)
    loader = ProjectConfigLoader(str(ROOT / "conf"), env="test", **CONFIG_LOADER_ARGS)
    features = FeaturesOptions(**loader["parameters"]["features"])
    recipe = make_recipe("mel", features)
    other = recipe._replace(extractor_version=recipe.extractor_version + 1)
    root = tmp_path / "data" / "04_feature" / "clips" / "mel"
    return {"used": fill(root, recipe), "unused": fill(root, other)}


@pytest.fixture
def fill(tmp_path, monkeypatch):
    """Extract one clip into a store, in this process, without decoding."""
    monkeypatch.setattr(missing, "open_pool", lambda workers: ThreadPoolExecutor(workers))
    limits = ExtractionOptions(workers=1, clips_per_shard=1)

    def fill(root, recipe):
        recording = tmp_path / "tram.wav"
        recording.write_bytes(b"sound")
        features = np.ones(recipe.shape, recipe.dtype)
        monkeypatch.setattr(shard_task, "clip_features", lambda *arguments: {"mel": features})
        store = FeatureStore(root, recipe)
        extract_missing(store, [PlannedClip("tram", str(recording))], limits)
        return store

    return fill


def command(*arguments):
    done = CliRunner().invoke(shelf_commands(explain_input_errors), [*arguments, "--env=test"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_list_shows_what_each_store_is_and_whether_it_is_used(stores):
    lines = command("list").output.splitlines()
    for word, store in stores.items():
        line = next(line for line in lines if store.recipe.id in line)
        assert re.search(r"clips +mel .* 1 +0 .* minutes ago +sealed +", line)
        assert line.rstrip().endswith("yes" if word == "used" else "no")


def test_without_stores_the_list_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSC_DATA_ROOT", str(tmp_path))
    monkeypatch.chdir(ROOT)
    bootstrap_project(ROOT)
    assert "0 stores" in command("list").output


def test_damage_is_found_and_set_aside(stores):
    assert command("verify").exit_code == 0
    shard = next(stores["used"].shards.glob("*.h5"))
    content = bytearray(shard.read_bytes())
    content[-1000] ^= 4
    shard.write_bytes(content)
    found = command("verify")
    assert found.exit_code == 1
    assert str(shard) in found.output
    assert "kedro stores repair" in found.output
    repaired = command("repair")
    assert repaired.exit_code == 0
    assert "1 damaged files set aside" in repaired.output
    assert (shard.parents[1] / "quarantine" / shard.name).is_file()
    assert stores["used"].why_outdated()
    assert command("verify").exit_code == 0


def test_only_what_is_not_used_is_deleted_and_only_when_told(stores):
    told = command("prune").output
    assert stores["unused"].recipe.id in told
    assert stores["used"].recipe.id not in told
    assert all(store.folder.is_dir() for store in stores.values())
    command("prune", "--yes")
    assert stores["used"].folder.is_dir()
    assert stores["unused"].recipe.id not in command("list").output
    assert not stores["unused"].shards.exists()
    assert "present options" in command("prune").output


def test_a_store_that_another_run_writes_is_not_deleted(stores):
    with write_lock(stores["unused"].folder):
        done = command("prune", "--yes")
    assert done.exit_code == 0
    assert f"{stores['unused'].recipe.id}: not deleted. mel: another run is writing" in done.output
    assert stores["unused"].why_outdated() is None


def test_clips_that_failed_are_tried_again_when_told(stores, fill, monkeypatch):
    assert "No clip" in command("retry").output
    store = stores["used"]

    def refuse(recipes, path):
        raise InputError(f"{path} holds no sound.")

    garbage = store.folder.parents[2] / "garbage.wav"
    garbage.write_bytes(b"sound")
    planned = [PlannedClip("tram", store.open().row("tram").source.path)]
    planned.append(PlannedClip("garbage", str(garbage)))
    limits = ExtractionOptions(workers=1, clips_per_shard=1, max_failed_fraction=1)
    with monkeypatch.context() as patch:
        patch.setattr(shard_task, "clip_features", refuse)
        extract_missing(store, planned, limits)
    assert len(extract_missing(store, planned, limits).rows) == 0

    done = command("retry")
    assert "failed clips that will be tried again: 1" in done.output
    assert "kedro run --pipeline=features" in done.output
    assert store.why_outdated() == "clips that failed are to be tried again (1)"
    assert [row.clip_id for row in extract_missing(store, planned, limits).rows] == ["garbage"]
    assert store.clip_ids == ["tram", "garbage"]
    assert store.why_outdated() is None


def test_a_store_without_its_recipe_is_named_and_the_others_are_repaired(stores):
    for store in stores.values():
        (store.folder / "recipe.json").write_text("{")
    done = command("repair")
    assert done.exit_code == 1
    assert f"Not repaired: {stores['unused'].folder}." in done.output
    assert "kedro run --pipeline=features with the options of that store" in done.output
    assert stores["used"].why_outdated() is None
    assert stores["unused"].why_outdated() == "its recipe.json is damaged"
