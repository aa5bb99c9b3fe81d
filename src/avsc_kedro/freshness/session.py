"""A Kedro session whose runs leave out what is up to date."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner, SequentialRunner

from avsc_kedro.errors import InputError
from avsc_kedro.freshness.manifest import Manifest
from avsc_kedro.freshness.outputs import (
    lock_name,
    pin_load,
    pin_save,
    version_to_load,
    version_to_save,
    versions,
)
from avsc_kedro.freshness.plan import NEVER_RAN, Findings, Plan, inputs_from_outside
from avsc_kedro.freshness.stamping import discard_scratch
from avsc_kedro.freshness.turns import take_turns
from avsc_kedro.options import ProjectOptions

EVERYTHING = "all"
LOCKS = ".locks"  # below the data root
FEW = 5  # names in a line

logger = logging.getLogger(__name__)


class FreshSession(KedroSession):
    """Hands whatever runner it is given only the steps that are out of date.

    Kedro calls a session's `run` for `kedro run`, for `session.run()` in a notebook and
    for a packaged project; the setting SESSION_CLASS names this one.
    """

    def run(self, *args, **kwargs) -> dict[str, Any]:
        """Run like `KedroSession.run`, without the steps whose outputs are up to date.

        Raises:
            InputError: If `force` among the parameters names no step.
        """
        call = inspect.signature(super().run).bind(*args, **kwargs)
        runner = call.arguments.setdefault("runner", None) or SequentialRunner()
        call.arguments["runner"] = runner
        if not isinstance(runner, AbstractRunner):  # Kedro says what is wrong
            return super().run(*call.args, **call.kwargs)
        names = call.arguments.get("pipeline_names") or ["__default__"]
        run = functools.partial(_run_what_is_stale, runner.run, names)
        runner.run = run  # the instance's, so that it stays a runner of its class
        try:
            return super().run(*call.args, **call.kwargs)
        finally:
            del runner.run


def _run_what_is_stale(
    run: Callable,
    pipeline_names: list[str],
    pipeline: Pipeline,
    catalog: CatalogProtocol,
    hook_manager=None,
    run_id: str | None = None,
    only_missing_outputs: bool = False,
) -> dict[str, Any]:
    """Stand in for a runner's `run`: look for stale steps, run them, look again."""
    options = ProjectOptions(**catalog.load("parameters"))
    forced = find_forced(options.force, pipeline)
    follow_named_versions(pipeline, catalog)
    _warn_of_stale_inputs(pipeline, catalog, options)
    plan = Plan(pipeline, catalog, functools.partial(look_up, options), forced)
    with Manifest(catalog, options, pipeline_names, run_id) as manifest:
        while True:
            found = plan.look()
            locks = _lock_names(found, catalog)
            with take_turns(Path(options.data_root) / LOCKS, locks):
                if locks:
                    found = plan.look()  # another run may have made some of it meanwhile
                    if not _lock_names(found, catalog) <= locks:
                        continue
                for name in inputs_from_outside(pipeline, catalog):
                    pin_load(catalog[name])
                found = plan.recall(found)
                _settle(found, catalog, forced)
                manifest.add(found)
                if found.stale:
                    part = pipeline.only_nodes(*(node.name for node in found.stale))
                    run(part, catalog, hook_manager, run_id, only_missing_outputs)
                    manifest.note_done(found)
                elif not found.waiting:
                    break
    return {name: catalog[name] for name in pipeline.outputs()}


def follow_named_versions(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Let all outputs of a step be of the version that `--load-versions` names for one.

    Raises:
        InputError: If another output of that step has no such version.
    """
    for node in {*pipeline.nodes, *pipelines["__default__"].nodes}:
        named = {name: version_to_load(catalog[name]) for name in node.outputs}
        for version in {version for version in named.values() if version}:
            for name in (name for name, known in named.items() if known is None):
                if version_to_save(catalog[name]) and version not in versions(catalog[name]):
                    raise InputError(
                        f"Expected a version {version} of {name}, which {node.name} makes with "
                        "what --load-versions names. There is none. Name one of it too."
                    )
                pin_load(catalog[name], version)


def _lock_names(found: Findings, catalog: CatalogProtocol) -> set[str]:
    names = (name for node in found.stale for name in node.outputs)
    return {lock_name(name, catalog[name]) for name in names}


def look_up(options: ProjectOptions, name: str) -> Any:
    """Return the parameter of a dotted name, typed as Kedro hands it to steps."""
    value: Any = options
    for part in [] if name == "parameters" else name.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def find_forced(wanted: Collection[str], pipeline: Pipeline) -> set[str]:
    """Return the names of the steps that `wanted` means.

    Args:
        wanted: Names of steps, of namespaces (`aud_mel`), or `all`.
        pipeline: What is run.

    Raises:
        InputError: If one of them is nothing of the kind.
    """
    names = {node.name for node in pipeline.nodes}
    forced: set[str] = set()
    for word in wanted:
        meant = {n for n in names if word == EVERYTHING or n == word or n.startswith(f"{word}.")}
        if not meant:
            spaces = {name.partition(".")[0] for name in names}
            raise InputError(
                f"Expected --force to name a step of this run, a namespace or {EVERYTHING}. "
                f"Received {word}. There are: {', '.join(sorted(spaces))}; a step of a namespace "
                "is named like aud_mel.train."
            )
        forced |= meant
    return forced


def _settle(found: Findings, catalog: CatalogProtocol, forced: set[str]) -> None:
    """Say what becomes of each step, and fix the versions that are read and written."""
    for node in (*found.fresh, *found.recalled):
        logger.info("%s: %s", node.name, found.recalled.get(node, "up to date"))
        for name in node.outputs:
            pin_load(catalog[name])
    first_time = [node.name for node, reason in found.stale.items() if reason == NEVER_RAN]
    for node, reason in found.stale.items():
        if node.name not in first_time:
            logger.info("%s: runs, %s", node.name, reason)
        for name in node.outputs:
            if node.name in forced and hasattr(catalog[name], "make_anew"):
                catalog[name].make_anew()
            pin_save(catalog[name])
        if node.name in forced:
            discard_scratch(node, catalog, forced=True)
    if first_time:
        named = f": {', '.join(first_time)}" if len(first_time) <= FEW else ""
        logger.info("%d steps run for the first time%s", len(first_time), named)


def _warn_of_stale_inputs(pipeline, catalog, options) -> None:
    """Name, in one line, steps outside this run whose outputs it reads as they are."""
    wanted = inputs_from_outside(pipeline, catalog)
    whole = pipelines["__default__"]
    known = [name for name in wanted if name in whole.all_outputs()]
    if not known:
        return
    before = Pipeline(set(whole.to_outputs(*known).nodes) - set(pipeline.nodes))
    found = Plan(before, catalog, functools.partial(look_up, options)).look()
    if found.stale:
        node, reason = next(iter(found.stale.items()))
        others = len(found.stale) + len(found.waiting) - 1
        logger.warning(
            "%s%s would run first (%s). This run uses what is there; to renew it: "
            "kedro run --pipeline=%s with the same --env and --params",
            node.name,
            f" and {others} more" if others else "",
            reason,
            _pipeline_of(node),
        )


def _pipeline_of(node: Node) -> str:
    phases = ("phase1", "phase2")
    return next((p for p in phases if node in pipelines[p].nodes), "__default__")
