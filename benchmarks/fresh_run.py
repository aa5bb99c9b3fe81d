"""How long `kedro run` takes when everything is up to date, against `kedro registry list`.

    python benchmarks/fresh_run.py                        # as many made-up clips as TAU 2021 has
    python benchmarks/fresh_run.py --data-root data/test --env test --prepare

Without --data-root it makes up clips with tiny features and puts digests in place of the
networks; every index and stamp is as real steps leave it. With --data-root it measures what
was run there by `AVSC_DATA_ROOT=... kedro run --env=...`, or what --prepare runs there first.
Both commands are processes of their own, in turns. 2 cores: 3 minutes, 0.5 GB of disk.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner

from avsc_kedro.extraction import missing, shard_task
from avsc_kedro.freshness.session import FreshSession
from avsc_kedro.paper import SCENES, TAU_EVAL_CLIPS, TAU_TRAIN_CLIPS

ROOT = Path(__file__).resolve().parents[1]
CLIPS = sum(TAU_TRAIN_CLIPS) + sum(TAU_EVAL_CLIPS)
CLIPS_PER_SHARD = 64  # as in conf/paper
MANIFESTS = "runs/manifest.json"
CHECK = ("--runner", "benchmarks.fresh_run.NothingRuns")
UP_TO_DATE = re.compile(r"^(\S+): up to date$", re.MULTILINE)
FEATURES = {
    "audio": {"sample_rate_hz": 8000, "duration_s": 1.0},
    "stft": {"n_fft": 512, "window_length": 320, "hop_length": 512},
    "mel": {"bands": 8, "fmax_hz": 4000.0},
    "gam": {"bands": 8, "fmax_hz": 4000.0},
    "cqt": {"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    "rgb": {"frames_per_second": 1.0, "size_px": 75},
}


class Project(NamedTuple):
    """Where a run has left everything up to date, and how to run it again."""

    data_root: Path
    env: str
    parameters: dict

    @property
    def run(self) -> list[str]:
        """The arguments of the run after `kedro`."""
        given = ",".join(f"{key}={value}" for key, value in flatten(self.parameters))
        return ["run", f"--env={self.env}", *(["--params", given] if given else [])]


class Timing(NamedTuple):
    """Seconds of both commands, round by round."""

    clips: int
    steps: int
    listing_s: list[float]
    run_s: list[float]


class NothingRuns(SequentialRunner):
    """Stops a run before any work; a run that is up to date asks for none."""

    def run(self, pipeline, *args, **kwargs):
        names = ", ".join(node.name for node in pipeline.nodes)
        raise RuntimeError(
            f"Expected everything up to date. Received steps to run: {names}. "
            "Add --prepare, or run kedro run there first."
        )


def time_fresh_run(project: Project, *, repeats: int) -> Timing:
    """Time both commands in turns, on a project in which nothing is left to run.

    Raises:
        RuntimeError: If anything ran, or any output changed.
    """
    said = kedro(project, *project.run, *CHECK)
    manifest = newest_manifest(project)
    steps, before = settled_steps(said, manifest), outputs(project)
    listing_s, run_s = [], []
    for turn in range(repeats):
        for is_run in (turn % 2 == 0, turn % 2 == 1):
            (run_s if is_run else listing_s).append(_time(project, steps if is_run else None))
    if outputs(project) != before:
        raise RuntimeError("Expected no output changed by a run with everything up to date.")
    return Timing(count_clips(manifest), len(steps), listing_s, run_s)


def _time(project: Project, steps: set[str] | None) -> float:
    """Seconds of a run in which these steps must be up to date, or of the listing."""
    began = time.perf_counter()
    said = kedro(project, *(project.run if steps else ("registry", "list")))
    seconds = time.perf_counter() - began
    if steps and settled_steps(said, newest_manifest(project)) != steps:
        raise RuntimeError(f"Expected the steps of the first run. Received:\n{said}")
    return seconds


def make_up(folder: Path, clips: int) -> Project:
    """Leave everything as a run over `clips` clips would, without decoding or training."""
    bootstrap_project(ROOT)
    table = write_recordings(folder / "recordings", clips)
    parameters = {
        "clips": {"path": str(table)},
        "features": FEATURES,
        "extraction": {"clips_per_shard": CLIPS_PER_SHARD},
    }
    project = Project(folder / "data", "test", parameters)
    told = {**parameters, "data_root": str(project.data_root)}
    session = FreshSession.create(ROOT, env="test", runtime_params=told)
    with session, nothing_computed() as watcher:
        session._hook_manager.register(watcher)
        session.run(runner=SequentialRunner())
    return project


def write_recordings(folder: Path, clips: int) -> Path:
    """Write two files a clip, which no one opens as sound or pictures, and the table of them."""
    folder.mkdir(parents=True)
    rows = [made_up_row(number) for number in range(clips)]
    for row in rows:
        for name in (row["audio_filename"], row["video_filename"]):
            (folder / name).write_text(name)
    table = folder / "clips.csv"
    with open(table, "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return table


def made_up_row(number: int) -> dict[str, str]:
    scene = SCENES[number % len(SCENES)]
    split = "eval" if number // len(SCENES) % 10 >= 7 else "train"
    clip = f"{scene}-{number:05}"
    return {
        "clip_id": clip,
        "audio_filename": f"{clip}.wav",
        "video_filename": f"{clip}.mp4",
        "scene_label": scene,
        "split": split,
        "group": f"{split}-{number // len(SCENES) % 50}",
    }


@contextlib.contextmanager
def nothing_computed() -> Iterator:
    """Put zeros in place of features and digests in place of networks; yield a hook for these."""
    sys.path.insert(0, str(ROOT))
    from tests.freshness.graph import Watcher, networks_replaced

    with (
        mock.patch.object(shard_task, "_compute_row", _zeros),
        mock.patch.object(missing, "open_pool", lambda workers: ThreadPoolExecutor(4)),
        networks_replaced(),
    ):
        yield Watcher()


def _zeros(clip, recipe) -> np.ndarray:
    return np.zeros(recipe.shape, recipe.dtype)


def kedro(project: Project, *arguments: str) -> str:
    """Run `kedro ARGUMENTS` as a user would; return what it says.

    Raises:
        RuntimeError: If it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=ROOT,
        env={**os.environ, "AVSC_DATA_ROOT": str(project.data_root), "CI": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"kedro {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def settled_steps(said: str, manifest: dict) -> set[str]:
    """Return the steps that a run called up to date, if these are all of its steps.

    Raises:
        RuntimeError: If the run did anything else.
    """
    steps = set(UP_TO_DATE.findall(said))
    skipped = {step["step"] for step in manifest["steps"] if step["state"] == "skipped"}
    if not steps or not steps == skipped == {step["step"] for step in manifest["steps"]}:
        raise RuntimeError(f"Expected every step up to date and none run. Received:\n{said}")
    return steps


def newest_manifest(project: Project) -> dict:
    """Return what the last run on a data root noted of itself."""
    paths = project.data_root.glob(f"**/{MANIFESTS}/*/manifest.json")
    return json.loads(max(paths, key=lambda path: path.parent.name).read_text())


def outputs(project: Project) -> dict[str, tuple[int, int]]:
    """Return size and time of each file that runs have left, manifests aside."""
    files = (path for path in project.data_root.rglob("*") if path.is_file())
    statuses = {str(path): path.stat() for path in files if MANIFESTS not in path.as_posix()}
    return {path: (status.st_size, status.st_mtime_ns) for path, status in statuses.items()}


def count_clips(manifest: dict) -> int:
    """Return how many clips a run was over."""
    made = {key: value for step in manifest["steps"] for key, value in step["outputs"].items()}
    table = next(value["path"] for key, value in made.items() if key.endswith("/usable_clips.csv"))
    return len(pd.read_csv(table))


def flatten(values: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted key, value) of nested parameters."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def table(timings: dict[str, Timing]) -> str:
    """Put timings as a Markdown table."""
    head = (
        "| data | clips | steps up to date | kedro registry list | kedro run | ratio | median of |"
    )
    return "\n".join([head, "|---" * 7 + "|", *(_row(*item) for item in timings.items())])


def _row(title: str, timing: Timing) -> str:
    listing_s, run_s = median(timing.listing_s), median(timing.run_s)
    ratio = median(run / listing for run, listing in zip(timing.run_s, timing.listing_s))
    cells = [title, f"{timing.clips:,}", timing.steps, f"1 ({listing_s:.2f} s)"]
    return "| {} |".format(
        " | ".join(map(str, [*cells, f"{run_s:.2f} s", f"{ratio:.2f}", len(timing.run_s)]))
    )


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    arguments = parse_arguments()
    if arguments.data_root:
        project = Project(arguments.data_root.resolve(), arguments.env, {})
        if arguments.prepare:
            kedro(project, *project.run)
        timings = {"as run": time_fresh_run(project, repeats=arguments.repeats)}
    else:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            project = make_up(Path(folder), arguments.clips)
            timings = {"made up": time_fresh_run(project, repeats=arguments.repeats)}
    print(table(timings))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, help="measure what was run there")
    parser.add_argument("--env", default="test", help="of that run")
    parser.add_argument("--prepare", action="store_true", help="do that run first")
    parser.add_argument("--clips", type=int, default=CLIPS, help="made up without --data-root")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="for temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
