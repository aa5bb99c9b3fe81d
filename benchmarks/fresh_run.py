"""How long `kedro run` takes when everything is up to date, against `kedro registry list`.

    python benchmarks/fresh_run.py                                  # made-up clips only
    AVSC_DATA_ROOT=/tmp/root kedro run --env=test
    python benchmarks/fresh_run.py --data-root /tmp/root --env test # that run, too
    python benchmarks/fresh_run.py --prepare                        # the same in one command

The made-up clips are as many as TAU 2021 has, with tiny features and digests in place of
networks; every index and stamp is as real steps leave it. Both commands are processes of their
own, in turns; each run must call every step up to date, and adds its manifest to the data
root. 2 cores: 2 minutes and 0.5 GB of disk, and 4 minutes more with --prepare.
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
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import pandas as pd
from kedro.framework.startup import bootstrap_project
from kedro.runner import AbstractRunner, SequentialRunner

from avsc_kedro.extraction import missing, shard_task
from avsc_kedro.freshness.session import FreshSession
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import SCENES, TAU_EVAL_CLIPS, TAU_TRAIN_CLIPS

ROOT = Path(__file__).resolve().parents[1]
CLIPS = sum(TAU_TRAIN_CLIPS) + sum(TAU_EVAL_CLIPS)
CLIPS_PER_SHARD = 64  # as in conf/paper
MANIFESTS = "runs/manifest.json"
USABLE = "usable_clips.csv"
UP_TO_DATE = re.compile(r"^(\S+): up to date$", re.MULTILINE)
FEATURES = {
    "audio": {"sample_rate_hz": 8000, "duration_s": 1.0},
    "stft": {"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-16},
    "mel": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "gam": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "cqt": {"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    "rgb": {"frames_per_second": 1.0, "size_px": 75},
}


class Project(NamedTuple):
    """Where a run has left everything up to date, and how to run it again."""

    title: str
    data_root: Path
    env: str
    parameters: dict[str, Any]

    @property
    def command(self) -> list[str]:
        """The run's arguments after `kedro`."""
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
        names = [node.name for node in pipeline.nodes]
        raise RuntimeError(
            f"Expected everything up to date. Received {len(names)} steps to run, the first is "
            f"{names[0]}. Run kedro run there first, or leave --data-root out and add --prepare."
        )


def time_fresh_run(project: Project, *, rounds: int) -> Timing:
    """Time both commands in turns, on a project in which nothing is left to run.

    Raises:
        RuntimeError: If anything ran or is to be run, or any output changed.
    """
    run_here(project, NothingRuns())
    before = outputs(project)
    seconds: dict[str, list[float]] = {"registry": [], "run": []}
    for turn in range(rounds):
        commands = [["registry", "list"], project.command]
        for command in commands if turn % 2 else reversed(commands):
            began = time.perf_counter()
            said = kedro(project, *command)
            seconds[command[0]].append(time.perf_counter() - began)
            if command[0] == "run":
                require_up_to_date(said, newest_manifest(project))
    if outputs(project) != before:
        raise RuntimeError("Expected no output changed by a run with everything up to date.")
    manifest = newest_manifest(project)
    steps = len(manifest["steps"])
    return Timing(count_clips(manifest), steps, seconds["registry"], seconds["run"])


def make_up(folder: Path, clips: int) -> Project:
    """Leave everything as a run over `clips` clips would, without decoding or training."""
    parameters = {
        "clips": {"path": str(write_recordings(folder / "recordings", clips))},
        "features": FEATURES,
        "extraction": {"clips_per_shard": CLIPS_PER_SHARD},
    }
    project = Project("made up", folder / "data", "test", parameters)
    with nothing_computed() as watcher:
        run_here(project, SequentialRunner(), watcher)
    return project


def run_here(project: Project, runner: AbstractRunner, *hooks) -> None:
    """Run a project in this process."""
    bootstrap_project(ROOT)
    with (
        mock.patch.dict(os.environ, environment(project)),
        FreshSession.create(ROOT, env=project.env, runtime_params=project.parameters) as session,
    ):
        for hook in hooks:
            session._hook_manager.register(hook)
        session.run(runner=runner)


def environment(project: Project) -> dict[str, str]:
    return {"AVSC_DATA_ROOT": str(project.data_root), "CI": "1"}


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
    place, scene = divmod(number, len(SCENES))
    clip = f"{SCENES[scene]}-{place:04}"
    split = "eval" if place % 3 == 2 else "train"
    return {
        "clip_id": clip,
        "audio_filename": f"{clip}.wav",
        "video_filename": f"{clip}.mp4",
        "scene_label": SCENES[scene],
        "split": split,
        "group": f"{split}-{place % 60}",
    }


@contextlib.contextmanager
def nothing_computed() -> Iterator:
    """Put zeros in place of features and digests in place of networks; yield a hook for these."""
    from tests.freshness.graph import Watcher, networks_replaced

    with (
        mock.patch.object(shard_task, "clip_features", _zeros),
        mock.patch.object(missing, "open_pool", _open_threads),
        networks_replaced(),
    ):
        yield Watcher()


def _zeros(recipes, path) -> dict[str, np.ndarray]:
    options = FeaturesOptions(**FEATURES)
    return {kind: np.zeros(options.shape(kind), options.dtype(kind)) for kind in recipes}


def _open_threads(workers) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(4)


def kedro(project: Project, *arguments: str) -> str:
    """Run `kedro ARGUMENTS` as a user would; return what it says.

    Raises:
        RuntimeError: If it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "kedro", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"kedro {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def newest_manifest(project: Project) -> dict[str, Any]:
    """Return what the last run on a data root noted of itself."""
    paths = project.data_root.glob(f"**/{MANIFESTS}/*/manifest.json")
    return json.loads(max(paths, key=lambda path: path.parent.name).read_text())


def require_up_to_date(said: str, manifest: dict[str, Any]) -> None:
    """Require of a run that it called every step of `manifest` up to date, and skipped it there.

    Raises:
        RuntimeError: If not.
    """
    states = {step["step"]: step["state"] for step in manifest["steps"]}
    if set(UP_TO_DATE.findall(said)) != set(states) or set(states.values()) != {"skipped"}:
        raise RuntimeError(f"Expected each of {len(states)} steps up to date. Received:\n{said}")


def outputs(project: Project) -> dict[Path, tuple[int, int]]:
    """Return size and time of each file that runs have left, manifests aside."""
    files = [path for path in project.data_root.rglob("*") if path.is_file()]
    statuses = {path: path.stat() for path in files if MANIFESTS not in path.as_posix()}
    return {path: (status.st_size, status.st_mtime_ns) for path, status in statuses.items()}


def count_clips(manifest: dict[str, Any]) -> int:
    """Return how many clips a run was over."""
    paths = [output["path"] for step in manifest["steps"] for output in step["outputs"].values()]
    return len(pd.read_csv(next(path for path in paths if Path(path or "").name == USABLE)))


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of nested parameters."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def table(timings: dict[str, Timing]) -> str:
    """Put timings as a Markdown table; a ratio is the median of the rounds' ratios."""
    head = "| data | clips | steps up to date | registry list | run / registry list | median of |"
    return "\n".join([head, "| --- " * 6 + "|", *(_row(*item) for item in timings.items())])


def _row(title: str, timing: Timing) -> str:
    pairs = zip(timing.run_s, timing.listing_s, strict=True)
    ratio = median(run_s / listing_s for run_s, listing_s in pairs)
    return (
        f"| {title} | {timing.clips:,} | {timing.steps} | {median(timing.listing_s):.2f} s | "
        f"{ratio:.2f} | {len(timing.run_s)} |"
    )


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    arguments = parse_arguments()
    sys.path.insert(0, str(ROOT))  # for tests.freshness
    timings = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for project in projects(Path(folder), arguments):
            timings[project.title] = time_fresh_run(project, rounds=arguments.repeats)
    print(table(timings))


def projects(folder: Path, arguments: argparse.Namespace) -> Iterator[Project]:
    """Yield what the command line asks to measure, made if it must be."""
    if arguments.data_root or arguments.prepare:
        root = (arguments.data_root or folder / "synthetic").resolve()
        project = Project(f"env {arguments.env}", root, arguments.env, {})
        if arguments.prepare:
            kedro(project, *project.command)
        yield project
    else:
        print("For a real data root, too, see --data-root and --prepare.", file=sys.stderr)
    if arguments.clips:
        yield make_up(folder, arguments.clips)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, help="measure what was run there, too")
    parser.add_argument("--env", default="test", help="of that run")
    parser.add_argument("--prepare", action="store_true", help="do that run first")
    parser.add_argument("--clips", type=int, default=CLIPS, help="made up; 0 for none")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="for temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
