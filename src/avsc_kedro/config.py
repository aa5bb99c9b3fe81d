"""Configuration in which the catalog follows the parameters.

Catalog entries may say `${params:features}` or `${data_set:}`; both see what the
command line set with `--params`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from kedro.config import OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with the resolvers `params` and `data_set`."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        if key != "parameters":
            _register_resolvers(self["parameters"])
        try:
            config = super().__getitem__(key)
        except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
            raise InputError(self._explain(key, error)) from error
        if key == "parameters":
            _make_data_root_absolute(config, Path(self.conf_source).parent)
            _make_clips_path_absolute(config, Path(self.conf_source).parent)
        return config

    def _explain(self, key: str, error: Exception) -> str:
        for path in self._files_of(key):
            try:
                OmegaConf.load(path)
            except (yaml.YAMLError, ValueError) as problem:
                return (
                    f"Expected YAML in {path}. Received: {_on_one_line(problem)}. Correct it there."
                )
        return (
            f"The {key} below {self.conf_source} cannot be used. Received: {_on_one_line(error)}. "
            "Correct that value there."
        )

    def _files_of(self, key: str) -> list[Path]:
        folders = [
            Path(self.conf_source) / env
            for env in (self.base_env, self.env or self.default_run_env)
        ]
        found = {
            p for f in folders for pattern in self.config_patterns[key] for p in f.glob(pattern)
        }
        return sorted(path for path in found if path.is_file())


def _register_resolvers(parameters: dict[str, Any]) -> None:
    """Let configuration read these parameters.

    Resolvers belong to the process: they are registered before every use, or two
    open sessions would read each other's parameters.
    """

    def look_up(key: str) -> Any:
        value: Any = parameters
        for part in key.split("."):
            value = value[part]
        return DictConfig(value) if isinstance(value, dict) else value

    def data_set() -> str:
        return ClipsOptions(**parameters.get("clips", {})).data_set_name

    OmegaConf.register_new_resolver("params", look_up, replace=True)
    OmegaConf.register_new_resolver("data_set", data_set, replace=True)


def _make_clips_path_absolute(parameters: dict[str, Any], project: Path) -> None:
    clips = parameters.get("clips")
    if isinstance(clips, dict) and isinstance(clips.get("path"), str):
        clips["path"] = str((project / Path(clips["path"]).expanduser()).resolve())


def _make_data_root_absolute(parameters: dict[str, Any], project: Path) -> None:
    root = parameters.get("data_root")
    if isinstance(root, str) and "://" not in root:
        parameters["data_root"] = os.path.abspath(project / Path(root).expanduser())


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())
