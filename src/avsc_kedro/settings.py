"""Project settings that Kedro reads."""

import warnings

from kedro import KedroDeprecationWarning
from omegaconf.resolvers import oc

from avsc_kedro.config import ProjectConfigLoader
from avsc_kedro.freshness.session import FreshSession
from avsc_kedro.freshness.stamping import StampHooks
from avsc_kedro.hooks import ParameterHooks, ReadinessHooks, ReportHooks

# `--pipeline`, which the documentation uses, is an accepted spelling of `--pipelines`.
warnings.filterwarnings("ignore", "Option '--pipeline'", KedroDeprecationWarning)

# Phase II reads what Phase I's namespaces made, so dots in dataset names are meant.
warnings.filterwarnings("ignore", "One or more dataset names contain '.'", UserWarning)

HOOKS = (ParameterHooks(), ReadinessHooks(), StampHooks(), ReportHooks())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry", "kedro-viz")  # no phoning home, no run tracking
SESSION_CLASS = FreshSession
CONFIG_LOADER_CLASS = ProjectConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {"oc.env": oc.env},
}
