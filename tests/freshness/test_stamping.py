"""Hooks write a stamp when an output is whole, and only then."""

import json

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import AbstractDataset, DataCatalog, DatasetError
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner, ThreadRunner
from kedro_datasets.json import JSONDataset

from avsc_kedro.freshness.stamping import StampHooks


class Scratch(AbstractDataset):
    """What a step keeps to be able to go on."""

    is_content = False

    def __init__(self):
        self.discarded = 0

    def load(self):
        return "scratch"

    def save(self, data):
        raise NotImplementedError

    def _describe(self):
        return {}

    def _exists(self):
        return True

    def discard(self):
        raise AssertionError("only if the step is forced")

    def discard_finished(self):
        self.discarded += 1


def two(scratch):
    return {"first": 1}, {"second": 2}


def two_of_which_one_cannot_be_saved(scratch):
    return {"first": 1}, {"second": object()}


@pytest.fixture
def catalog(tmp_path):
    return DataCatalog(
        {
            "scratch": Scratch(),
            "first": JSONDataset(filepath=str(tmp_path / "first.json")),
            "second": JSONDataset(filepath=str(tmp_path / "second.json")),
        }
    )


def run(function, catalog, runner=SequentialRunner):
    hooks = _create_hook_manager()
    hooks.register(StampHooks())
    pipeline = Pipeline([node(function, "scratch", ["first", "second"], name="two")])
    runner().run(pipeline, catalog, hooks, run_id="now")


@pytest.mark.parametrize("runner", [SequentialRunner, ThreadRunner])
def test_each_output_gets_its_stamp_and_scratch_goes(tmp_path, catalog, runner):
    run(two, catalog, runner)
    for name in ("first", "second"):
        stamp = json.loads((tmp_path / f"{name}.json.stamp.json").read_text())
        assert (stamp["step"], stamp["run"]) == ("two", "now")
        assert stamp["record"]["inputs"] == []
        assert stamp["output"]["bytes"] == (tmp_path / f"{name}.json").stat().st_size
    assert catalog["scratch"].discarded == 1


def test_an_output_that_fails_to_be_saved_has_no_stamp_and_scratch_stays(tmp_path, catalog):
    run(two, catalog)
    with pytest.raises(DatasetError):
        run(two_of_which_one_cannot_be_saved, catalog)
    assert (tmp_path / "first.json.stamp.json").is_file()
    assert not (tmp_path / "second.json.stamp.json").exists()
    assert catalog["scratch"].discarded == 1
