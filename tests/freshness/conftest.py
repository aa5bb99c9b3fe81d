"""A small pipeline on real datasets, run in rounds as a session does."""

from __future__ import annotations

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset, Version
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset

from avsc_kedro.freshness.outputs import pin_save
from avsc_kedro.freshness.plan import Plan
from avsc_kedro.freshness.stamping import StampHooks


def add_one(source, step):
    return source + step


def half(number):
    """Rounds, so that two numbers may have one half."""
    return number // 2


def show(halved, title):
    return f"{title}: {halved}"


def both(number, shown):
    return [number, shown]


STEPS = Pipeline(
    [
        node(add_one, ["source", "params:step"], "number", name="add"),
        node(half, "number", "halved", name="half"),
        node(show, ["halved", "params:title"], "shown", name="show"),
        node(both, ["number", "shown"], "pair", name="both"),
    ]
)
VERSIONED = ("halved", "shown")


class Workshop:
    """Runs STEPS again and again in one folder."""

    def __init__(self, folder):
        self.folder = folder
        self.runs = 0
        self.pipeline = STEPS
        self.parameters = {"step": 1, "title": "half"}
        self.ran: list[str] = []
        JSONDataset(filepath=str(folder / "source.json")).save(10)

    def catalog(self, **load_versions):
        names = ("source", "number", "halved", "shown", "pair")
        version = f"run-{self.runs:03d}"
        datasets = {
            name: JSONDataset(
                filepath=str(self.folder / f"{name}.json"),
                version=Version(load_versions.get(name), version) if name in VERSIONED else None,
            )
            for name in names
        }
        told = {f"params:{name}": MemoryDataset(value) for name, value in self.parameters.items()}
        return DataCatalog({**datasets, **told})

    def plan(self, catalog, forced=()):
        return Plan(self.pipeline, catalog, self.parameters.__getitem__, forced)

    def why(self, forced=()):
        """The first look's stale steps and their reasons."""
        self.runs += 1
        found = self.plan(self.catalog(), forced).look()
        return {node.name: reason for node, reason in found.stale.items()}

    def run(self, forced=()):
        """Run what is stale, round by round; return the names of what ran, in order."""
        self.runs += 1
        catalog = self.catalog()
        plan = self.plan(catalog, forced)
        hooks = _create_hook_manager()
        hooks.register(StampHooks())
        ran = []
        while (found := plan.recall(plan.look())).stale or found.waiting:
            if not found.stale:
                continue
            for step in found.stale:
                for name in step.outputs:
                    pin_save(catalog[name])
            names = [step.name for step in found.stale]
            part = self.pipeline.only_nodes(*names)
            SequentialRunner().run(part, catalog, hooks, run_id=f"run-{self.runs:03d}")
            ran += [step.name for step in part.nodes]
        return ran

    def load(self, name):
        return self.catalog().load(name)


@pytest.fixture
def workshop(tmp_path) -> Workshop:
    return Workshop(tmp_path)
