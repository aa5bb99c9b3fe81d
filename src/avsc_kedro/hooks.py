"""What happens around a run: parameters are checked, missing inputs explained, the report named."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.io import DatasetError
from pydantic import ValidationError

from avsc_kedro.errors import InputError
from avsc_kedro.models.pretrained import (
    explain_unfetched,
    names_file,
    require_trusted,
    why_not_cached,
)
from avsc_kedro.options import ProjectOptions
from avsc_kedro.paper import BRANCHES
from avsc_kedro.pipelines.predict.nodes import require_video
from avsc_kedro.runtime import require_devices

WEIGHTS_HOST = "https://storage.googleapis.com"  # where Keras fetches ImageNet weights from
TIMEOUT_S = 5


class ParameterHooks:
    """Stops before any work if a parameter is unknown or out of range."""

    @hook_impl
    def after_context_created(self, context) -> None:
        check_parameters(context.config_loader["parameters"])


class ReadinessHooks:
    """Stops before any work if something a pipeline needs is not there, and says how to get it."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline, catalog) -> None:
        for name in sorted(pipeline.inputs()):
            if name.startswith("params:") or name == "parameters":
                continue
            if not _is_there(name, catalog):
                raise InputError(_not_made_yet(name, run_params))
            catalog.release(name)
        check_weights(pipeline, catalog)
        if "params:compute" in pipeline.inputs():
            require_devices(catalog.load("params:compute").devices)
        if "params:video" in pipeline.inputs():  # before eight networks are loaded
            require_video(catalog.load("params:video"))


class ReportHooks:
    """Prints where the report lies and what a prediction says."""

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        if dataset_name == "prediction":
            print(data["answer"])

    @hook_impl
    def after_pipeline_run(self, pipeline, catalog) -> None:
        for name in sorted(pipeline.outputs()):
            if name.endswith("report_page"):
                print(f"\nReport: {catalog[name]._get_load_path()}")


def check_parameters(parameters: dict[str, Any]) -> ProjectOptions:
    """Return the parameters as typed options.

    Raises:
        InputError: Naming every key that is unknown or has a value out of range, and
            what is allowed.
    """
    try:
        return ProjectOptions(**parameters)
    except ValidationError as error:
        lines = [_explain(problem) for problem in error.errors()]
        lines.append("Change them in conf/ or with --params KEY=VALUE.")
        raise InputError("Parameters that cannot be used:\n  " + "\n  ".join(lines)) from None


def _is_there(name: str, catalog) -> bool:
    """Whether something can be loaded, be it up to date or not."""
    if not hasattr(catalog[name], "content_digest"):
        return catalog.exists(name)
    try:
        return bool(catalog[name].content_digest())
    except (InputError, DatasetError):
        return False


def check_weights(pipeline, catalog) -> None:
    """Refuse a training whose pretrained weights are not there, or not those expected.

    Raises:
        InputError: Naming the files with their checksums, the folder to put them into, and
            what to set instead.
    """
    lacking = {}
    for branch, weights, sha256 in _weights_to_load(pipeline, catalog):
        if names_file(weights):
            require_trusted(Path(weights).expanduser(), branch.architecture, sha256=sha256)
        elif weights == "imagenet" and (problem := why_not_cached(branch.architecture)):
            lacking[branch.architecture] = problem
    if lacking and (reason := _why_unreachable(WEIGHTS_HOST)):
        raise InputError(explain_unfetched(lacking, f"{WEIGHTS_HOST} cannot be reached ({reason})"))


def _weights_to_load(pipeline, catalog):
    trained = {node.name for node in pipeline.nodes}
    for branch in BRANCHES:
        # Where a network is there already, training may not be due; if it is, it says so itself.
        made = _is_made(f"{branch.name}.model", catalog)
        if branch.modality == "visual" and f"{branch.name}.train" in trained and not made:
            group = f"params:backbones.{branch.name}"
            weights, sha256 = (
                catalog.load(f"{group}.{key}") for key in ("weights", "weights_sha256")
            )
            yield branch, weights, sha256


def _is_made(name: str, catalog) -> bool:
    if name not in catalog or not catalog.exists(name):
        return False
    catalog.release(name)  # Kedro would remember the version it found
    return True


def _why_unreachable(address: str) -> str:
    """Return why a host gives no answer, empty if it gives one."""
    try:
        urlopen(Request(address, method="HEAD"), timeout=TIMEOUT_S).close()
    except HTTPError:
        return ""  # an answer, if only that there is nothing at the root
    except OSError as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
    return ""


def _explain(problem: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error":  # says itself what came
        return ": ".join(part for part in (key, str(problem["ctx"]["error"])) if part)
    if problem["type"] == "extra_forbidden":
        return f"{key} is not a parameter. Expected one of: {', '.join(_allowed(problem['loc']))}"
    if problem["type"] == "missing":
        return f"{key} is missing. Give it in conf/ or with --params {key}=..."
    return f"{key}: {problem['msg']}. Received {problem['input']!r}"


def _allowed(location: tuple) -> list[str]:
    fields = ProjectOptions.model_fields
    for part in location[:-1]:
        fields = fields[part].annotation.model_fields
    return sorted(fields)


def _not_made_yet(name: str, run_params: dict[str, Any]) -> str:
    wanted = ", ".join(run_params.get("pipeline_names") or []) or "this run"
    makers = [key for key in ("phase1", "phase2") if name in pipelines[key].all_outputs()]
    command = f"kedro run --pipeline={makers[0]}" if makers else "kedro run"
    extra = [f"--env={env}" for env in [run_params.get("env")] if env]
    chosen = run_params.get("runtime_params") or {}
    return (
        f"{wanted} needs {name}, which no run has made yet. First run: "
        f"{' '.join([command, *extra])}" + (" with the same --params" if chosen else "")
    )
