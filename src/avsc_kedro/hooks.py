"""What happens around a run: parameters are checked, missing inputs explained, the report named."""

from __future__ import annotations

from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from pydantic import ValidationError

from avsc_kedro.errors import InputError
from avsc_kedro.options import ProjectOptions


class ParameterHooks:
    """Stops before any work if a parameter is unknown or out of range."""

    @hook_impl
    def after_context_created(self, context) -> None:
        check_parameters(context.config_loader["parameters"])


class ReadinessHooks:
    """Says which command makes what a pipeline needs and nobody has made yet."""

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline, catalog) -> None:
        for name in sorted(pipeline.inputs()):
            if name.startswith("params:") or name == "parameters":
                continue
            if not catalog.exists(name):
                raise InputError(_not_made_yet(name, run_params))
            catalog.release(name)


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
        raise InputError("Parameters that cannot be used:\n  " + "\n  ".join(lines)) from None


def _explain(problem: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in problem["loc"])
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
