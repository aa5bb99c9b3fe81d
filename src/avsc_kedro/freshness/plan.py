"""Which steps are out of date, and which of them can run now."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from avsc_kedro.errors import InputError
from avsc_kedro.freshness.outputs import (
    Stamp,
    content_digest,
    is_kept,
    load_path,
    location,
    read_stamp,
    stamp_to_read,
    version_to_load,
    versions,
)
from avsc_kedro.freshness.recall import find_version, recall
from avsc_kedro.freshness.record import Record, describe_change
from avsc_kedro.freshness.stamping import data_inputs, make_record

ALWAYS = "always_runs"  # tag of a step that reads something outside the catalog
NEVER_RAN = "it has not run yet"


class Findings(NamedTuple):
    """What one look at the unsettled steps found.

    Attributes:
        fresh: Steps whose outputs are what they would make now.
        recalled: {step: from where}, those whose outputs an earlier run made the same way.
        stale: {step: why}, those that can run now.
        waiting: Steps that may turn out either way when `stale` have run.
    """

    fresh: list[Node]
    recalled: dict[Node, str]
    stale: dict[Node, str]
    waiting: list[Node]


class Plan:
    """Looks through a pipeline in rounds: what runs in one may leave the rest as it was.

    Args:
        pipeline: The steps to look at.
        catalog: Their datasets.
        parameter: From a parameter's name, without `params:`, to its value.
        forced: Names of steps that run whatever their stamps say.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        parameter: Callable[[str], Any],
        forced: Collection[str] = (),
    ):
        self._catalog = catalog
        self._parameter = parameter
        self._forced = set(forced)
        self._unsettled = list(pipeline.nodes)

    def look(self) -> Findings:
        """Say what is fresh, what is stale, and what depends on what becomes of that."""
        found = Findings([], {}, {}, [])
        changing: set[str] = set()  # datasets that steps not yet run will make anew
        unsure: set[str] = set()  # those of them that may stay as they are
        for node in self._unsettled:
            reason = self._why_stale(node, changing)
            if reason and not unsure & set(node.inputs):
                found.stale[node] = reason
            elif reason or changing & set(node.inputs):
                found.waiting.append(node)
                unsure.update(node.outputs)
            else:
                found.fresh.append(node)
                continue
            changing.update(node.outputs)
        return found

    def recall(self, found: Findings) -> Findings:
        """Bring back what an earlier run made the same way, instead of running its step.

        A step that may be recalled once its inputs are known waits. All others are
        settled: the next look is at what waits, when what is stale has run.
        """
        stale: dict[Node, str] = {}
        recalled: dict[Node, str] = {}
        changing: set[str] = set()
        unsure: set[str] = set()
        for node, reason in found.stale.items():
            if unsure & set(node.inputs) or self._may_recall(node, changing):
                unsure.update(node.outputs)
            elif not changing & set(node.inputs) and (version := self._recall(node)):
                recalled[node] = f"as in version {version}, which is taken again"
                continue
            else:
                stale[node] = reason
            changing.update(node.outputs)
        settled = {*found.fresh, *recalled, *stale}
        self._unsettled = [node for node in self._unsettled if node not in settled]
        return Findings(found.fresh, recalled, stale, self._unsettled)

    def _recall(self, node: Node) -> str | None:
        if self._is_fixed(node):
            return None
        return recall(node, self._record(node), self._catalog)

    def _may_recall(self, node: Node, changing: set[str]) -> bool:
        """Whether an earlier run made a step's outputs the same way but for `changing`."""
        if self._is_fixed(node) or not changing & set(node.inputs):
            return False
        ignored = self._locations(changing & set(node.inputs))
        return find_version(node, self._record(node), self._catalog, ignoring=ignored) is not None

    def _is_fixed(self, node: Node) -> bool:
        return node.name in self._forced or ALWAYS in node.tags

    def _locations(self, names: set[str]) -> set[str]:
        return {location(name, self._catalog[name]) for name in names}

    def _why_stale(self, node: Node, changing: set[str]) -> str | None:
        """Say why a step must run whatever becomes of its inputs that are `changing`."""
        if node.name in self._forced:
            return "forced"
        if ALWAYS in node.tags:
            return "it always runs"
        if any(_is_named(name, self._catalog[name]) for name in node.outputs):
            return None
        if not node.outputs or not all(is_kept(self._catalog[name]) for name in node.outputs):
            return "what it makes is kept in memory only"
        unknown = [name for name in data_inputs(node, self._catalog) if not self._is_known(name)]
        if unknown:
            return f"what it reads, {unknown[0]}, cannot be compared"
        record = self._record(node)
        ignored = self._locations(changing & set(node.inputs))
        for name in node.outputs:
            if reason := self._why_output_stale(name, record, ignored):
                return reason
        stamps = [read_stamp(stamp_to_read(self._catalog[name])) for name in node.outputs]
        if len({stamp.run for stamp in stamps if stamp}) > 1:
            return "its outputs are of two runs"  # it was killed between saving two of them
        return None

    def _is_known(self, name: str) -> bool:
        dataset = self._catalog[name]
        return is_kept(dataset) or hasattr(dataset, "content_digest")

    def _record(self, node: Node) -> Record:
        return make_record(node, self._catalog, self._parameter)

    def _why_output_stale(self, name: str, record: Record, ignored: set[str]) -> str | None:
        dataset = self._catalog[name]
        place = stamp_to_read(dataset)
        if hasattr(dataset, "stamp_path") and place is None:  # it knows by itself
            return dataset.why_outdated()
        stamp = read_stamp(place) or _former_stamp(dataset)
        if stamp and (change := describe_change(stamp.record, record, ignoring=ignored)):
            return change
        if _is_absent(dataset, place):
            return NEVER_RAN
        if hasattr(dataset, "why_outdated") and (reason := dataset.why_outdated()):
            return reason
        if read_stamp(place) is None:
            return f"nothing tells that {location(name, dataset)} was completed"
        if content_digest(dataset) != stamp.output["digest"]:
            return f"{location(name, dataset)} is no longer as it was made"
        return None


def _is_named(name: str, dataset) -> bool:
    """Whether the user named a version of this output, which then stands as it is."""
    version = version_to_load(dataset)
    if version and load_path(dataset) is None:
        there = ", ".join(sorted(versions(dataset), reverse=True)[:3]) or "none"
        raise InputError(
            f"Expected a version {version} of {name}. There are: {there}. Correct --load-versions."
        )
    return version is not None


def _former_stamp(dataset) -> Stamp | None:
    """Return the newest stamp of the same store with other options, to name what changed."""
    former = dataset.former_stamps() if hasattr(dataset, "former_stamps") else []
    return next(filter(None, map(read_stamp, former)), None)


def _is_absent(dataset, place) -> bool:
    if hasattr(dataset, "why_outdated"):
        return not place.parent.is_dir()
    return load_path(dataset) is None


def inputs_from_outside(pipeline: Pipeline, catalog: CatalogProtocol) -> list[str]:
    """Return the data that a pipeline reads and does not make."""
    made = pipeline.all_outputs()
    return sorted({n for node in pipeline.nodes for n in data_inputs(node, catalog)} - made)
