"""The project's own pipelines on real recordings, with networks replaced by digests.

Ingestion and features are the real steps. Of all others the real function, options,
inputs and stamps count, but what they return is a digest of these: so what runs again,
and what need not, is the same as with real networks, in a second instead of minutes.
"""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset
from pydantic import BaseModel

from avsc_kedro.freshness.record import is_parameter
from avsc_kedro.freshness.session import FreshSession
from avsc_kedro.media.encoding import write_mp4, write_wav
from avsc_kedro.options import ClipsOptions
from avsc_kedro.paper import FEATURE_KINDS
from avsc_kedro.source_code import code_digest

ROOT = Path(__file__).resolve().parents[2]
REAL = ("clip_source", "clips", "clip_counts", "usable_clips", "failed_clips", "labels")
STORES = tuple(f"{kind}_features" for kind in FEATURE_KINDS)
FEATURES = {
    "audio": {"sample_rate_hz": 8000, "duration_s": 1.0},
    "stft": {"n_fft": 512, "window_length": 320, "hop_length": 512},
    "mel": {"bands": 8, "fmax_hz": 4000.0},
    "gam": {"bands": 8, "fmax_hz": 4000.0},
    "cqt": {"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    "rgb": {"frames_per_second": 2.0, "size_px": 75},
}


class Laboratory:
    """A data root, a table of recordings, and runs of the project on them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.table = folder / "recordings" / "clips.csv"
        self.rows: list[dict] = []
        self.ran: set[str] = set()

    def record(self) -> None:
        """Write the recordings and their table."""
        where = self.table.parent
        self.rows = [write_recording(where, scene, number) for scene, number in recordings()]
        self.write_table(self.rows)

    def write_table(self, rows: list[dict]) -> None:
        with open(self.table, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=rows[0])
            writer.writeheader()
            writer.writerows(rows)

    def run(
        self, *pipelines: str, force: str = "", load_versions=None, loaded=None, **changed
    ) -> set[str]:
        """Run pipelines with some parameters changed; return the names of the steps that ran."""
        bootstrap_project(ROOT)
        parameters = {
            "data_root": str(self.folder / "data"),
            "clips": {"path": str(self.table), "validation_fraction": 0.0},
            "features": FEATURES,
            "extraction": {"workers": 1, "clips_per_shard": 4},
            **({"force": force} if force else {}),
        }
        for key, value in changed.items():
            _set(parameters, key.split("__"), value)
        watcher = Watcher(loaded)
        with FreshSession.create(ROOT, env="test", runtime_params=parameters) as session:
            session._hook_manager.register(watcher)
            with networks_replaced():
                session.run(
                    pipeline_names=list(pipelines) or None,
                    runner=self.runner(),
                    load_versions=load_versions,
                )
        self.ran |= set(watcher.ran)
        return set(watcher.ran)

    runner = SequentialRunner

    @property
    def data_set(self) -> str:
        """Name of the folders of what these recordings lead to."""
        return ClipsOptions(path=str(self.table)).data_set_name


def run_again(folder: Path, **changed) -> set[str]:
    """Run, in another process, what was recorded in this folder before."""
    return Laboratory(folder).run(**changed)


class Watcher:
    """Puts digests in place of networks, and notes what runs."""

    def __init__(self, loaded: dict | None = None):
        self.ran: list[str] = []
        self.loaded = {} if loaded is None else loaded

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline, catalog):
        for name in pipeline.datasets():
            dataset = catalog[name]
            if not is_parameter(name) and name not in REAL and hasattr(dataset, "_version"):
                path, version = str(dataset._filepath), dataset._version
                catalog[name] = JSONDataset(filepath=path, version=version)

    @hook_impl
    def before_node_run(self, node, inputs):
        self.ran.append(node.name)
        self.loaded |= inputs


@contextmanager
def networks_replaced():
    real = Node.run

    def run(node: Node, inputs):
        if set(node.outputs) & {*REAL, *STORES}:
            return real(node, inputs)
        content = [
            code_digest(node.func),
            *(_text(value) for name, value in inputs.items() if not name.endswith("checkpoints")),
        ]
        digest = hashlib.blake2b("\n".join(content).encode(), digest_size=8).hexdigest()
        return {name: [name.rpartition(".")[2], digest] for name in node.outputs}

    Node.run = run
    try:
        yield
    finally:
        Node.run = real


def recordings() -> list[tuple[str, int]]:
    return [(scene, number) for scene in ("bus", "park") for number in range(4)]


def write_recording(folder: Path, scene: str, number: int, tone_hz: float = 300.0) -> dict:
    """Write a second of sound and pictures; return its row of the table."""
    folder.mkdir(parents=True, exist_ok=True)
    clip = f"{scene}-{number}"
    sound, video = folder / f"{clip}.wav", folder / f"{clip}.mp4"
    wave = 0.2 * np.sin(2 * np.pi * (tone_hz + 50 * number) * np.arange(8000) / 8000)
    write_wav(sound, np.stack([wave, wave]), sample_rate_hz=8000)
    frames = [np.full((48, 64, 3), 20 * number + 10, np.uint8)] * 8
    write_mp4(video, frames, frame_rate_fps=8)
    return {
        "clip_id": clip,
        "audio_filename": sound.name,
        "video_filename": video.name,
        "scene_label": scene,
        "split": "eval" if number % 2 else "train",
        "group": clip,
    }


def _text(value) -> str:
    if isinstance(value, pd.DataFrame):
        return value.to_csv()
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if hasattr(value, "content_digest"):
        return value.content_digest
    return json.dumps(value, default=str)


def _set(parameters: dict, keys: list[str], value) -> None:
    for key in keys[:-1]:
        parameters[key] = dict(parameters.get(key, {}))
        parameters = parameters[key]
    parameters[keys[-1]] = value
