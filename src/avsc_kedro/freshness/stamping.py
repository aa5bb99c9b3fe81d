"""Hooks that put a stamp beside each output, in whichever process the step runs."""

from __future__ import annotations

import logging
import time
from typing import Any, NamedTuple

from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node

from avsc_kedro.freshness.outputs import (
    Stamp,
    content_digest,
    describe_output,
    location,
    stamp_to_write,
    write_stamp,
)
from avsc_kedro.freshness.record import Record, is_parameter, step_code, step_options

logger = logging.getLogger(__name__)


class StampHooks:
    """Writes each output's stamp once the output is complete."""

    def __init__(self):
        self._started: dict[str, _Started] = {}

    @hook_impl
    def before_node_run(
        self, node: Node, catalog: CatalogProtocol, inputs: dict[str, Any], run_id: str | None
    ) -> None:
        def parameter(name: str) -> Any:
            return inputs["parameters" if name == "parameters" else f"params:{name}"]

        record = make_record(node, catalog, parameter)
        self._started[node.name] = _Started(
            record, catalog, run_id, time.perf_counter(), set(node.outputs)
        )

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, node: Node) -> None:
        # Half an output must not stand beside the stamp of the whole one before it.
        started = self._started.get(node.name)
        if started and (path := stamp_to_write(started.catalog[dataset_name])):
            path.unlink(missing_ok=True)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, node: Node) -> None:
        if not (started := self._started.get(node.name)):
            return
        dataset = started.catalog[dataset_name]
        if path := stamp_to_write(dataset):
            seconds = time.perf_counter() - started.at
            output = describe_output(dataset)
            write_stamp(path, Stamp(started.record, output, node.name, started.run_id, seconds))
        started.unsaved.discard(dataset_name)
        if not started.unsaved:
            del self._started[node.name]
            discard_scratch(node, started.catalog, forced=False)


def make_record(node: Node, catalog: CatalogProtocol, parameter) -> Record:
    """Return everything that decides what `node` would make now.

    Args:
        node: A step.
        catalog: With the step's inputs and outputs in it.
        parameter: From a parameter's name, without `params:`, to its value.
    """
    own = [getattr(catalog[name], "own_options", None) for name in node.outputs]
    told = {name: value for options in own if options for name, value in options().items()}
    return Record(
        step_code(node),
        step_options(node, parameter, told if any(own) else None),
        [
            [location(name, catalog[name]), content_digest(catalog[name])]
            for name in data_inputs(node, catalog)
        ],
    )


def data_inputs(node: Node, catalog: CatalogProtocol) -> list[str]:
    """Return the inputs of a step whose content counts, in the function's order."""
    names = [name for name in node.inputs if not is_parameter(name)]
    return [name for name in names if getattr(catalog[name], "is_content", True)]


def discard_scratch(node: Node, catalog: CatalogProtocol, *, forced: bool) -> None:
    """Remove what a step kept to be able to go on after an interruption.

    Args:
        node: The step.
        catalog: Holds its inputs.
        forced: It is to begin anew: remove all, not only what led to its outputs.
    """
    for name in node.inputs:
        if not is_parameter(name) and hasattr(catalog[name], "discard"):
            scratch = catalog[name]
            try:
                scratch.discard() if forced else scratch.discard_finished()
            except OSError as error:  # only takes room
                logger.warning("%s could not be removed: %s", name, error)


class _Started(NamedTuple):
    record: Record
    catalog: CatalogProtocol
    run_id: str | None
    at: float
    unsaved: set[str]
