"""Configuration in which the catalog follows the parameters.

Catalog entries may say `${params:features}` or `${data_set:}`; both see what the
command line set with `--params`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf

from avsc_kedro.options import ClipsOptions


class ProjectConfigLoader(OmegaConfigLoader):
    """Kedro's loader with the resolvers `params` and `data_set`."""

    def __getitem__(self, key: str) -> dict[str, Any]:
        # Resolvers belong to the process: register on every use, or two open
        # sessions read each other's parameters.
        OmegaConf.register_new_resolver("params", self._parameter, replace=True)
        OmegaConf.register_new_resolver("data_set", self._data_set, replace=True)
        config = super().__getitem__(key)
        if key == "parameters":
            _make_clips_path_absolute(config, Path(self.conf_source).parent)
        return config

    def _parameter(self, key: str) -> Any:
        value = self["parameters"]
        for part in key.split("."):
            value = value[part]
        return DictConfig(value) if isinstance(value, dict) else value

    def _data_set(self) -> str:
        return ClipsOptions(**self["parameters"].get("clips", {})).data_set_name


def _make_clips_path_absolute(parameters: dict[str, Any], project: Path) -> None:
    clips = parameters.get("clips")
    if isinstance(clips, dict) and isinstance(clips.get("path"), str):
        clips["path"] = str((project / Path(clips["path"]).expanduser()).resolve())
