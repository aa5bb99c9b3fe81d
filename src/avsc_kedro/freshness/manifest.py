"""What one run did: kept as a dataset, whether it completed or not."""

from __future__ import annotations

import datetime
import logging
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kedro.io import CatalogProtocol, DatasetError
from kedro.pipeline.node import Node

from avsc_kedro.freshness.outputs import load_path, location, read_stamp, stamp_to_read
from avsc_kedro.freshness.plan import Findings
from avsc_kedro.options import ProjectOptions

DATASET = "run_manifest"
UP_TO_DATE = "up to date"
PACKAGES = (
    "avsc_kedro",
    "av",
    "gammatone",
    "h5py",
    "kedro",
    "kedro-datasets",
    "keras",
    "librosa",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "scipy",
    "soundfile",
    "soxr",
    "tensorflow",
)

logger = logging.getLogger(__name__)


class Manifest:
    """Collects what a run finds and does, and saves it when the run ends, however it ends.

    Args:
        catalog: Holds `run_manifest`, and the steps' datasets.
        options: Every parameter of the run.
        pipeline_names: What was asked for.
        run_id: Kedro's name of the run, which is also the version of what it saves.
    """

    def __init__(
        self,
        catalog: CatalogProtocol,
        options: ProjectOptions,
        pipeline_names: list[str],
        run_id: str | None,
    ):
        self._catalog = catalog
        self._run_id = run_id
        self._head = {
            "run": run_id,
            "command": sys.argv,
            "pipelines": pipeline_names,
            "git": _git_revision(),
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: v for name in PACKAGES if (v := _version(name))},
            "options": options.model_dump(mode="json"),
        }
        self._steps: dict[Node, str] = {}
        self._done: set[Node] = set()
        self._skipped: set[Node] = set()

    def __enter__(self) -> Manifest:
        self._began = datetime.datetime.now(datetime.UTC)
        self._at = time.perf_counter()
        return self

    def add(self, found: Findings) -> None:
        """Note what became of the steps of one round."""
        self._steps |= dict.fromkeys(found.fresh, UP_TO_DATE) | found.recalled | found.stale
        self._skipped |= {*found.fresh, *found.recalled}
        self._steps |= dict.fromkeys(found.waiting, "waits for what runs before it")

    def note_done(self, found: Findings) -> None:
        """Note that the steps handed to the runner have all run."""
        self._done |= set(found.stale)

    def __exit__(self, kind, error, trace) -> None:
        content = {
            **self._head,
            "began": self._began.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._at, 3),
            "status": "completed" if kind is None else _failure(kind),
            "error": None if error is None else str(error),
            "steps": [self._describe(node, reason) for node, reason in self._steps.items()],
        }
        try:
            self._catalog.save(DATASET, content)
        except DatasetError as problem:  # a full disk; what the run made is there
            logger.warning("the manifest of this run could not be saved: %s", problem.__cause__)

    def _describe(self, node: Node, reason: str) -> dict[str, Any]:
        datasets = {name: self._catalog[name] for name in node.outputs}
        stamps = {name: read_stamp(stamp_to_read(d)) for name, d in datasets.items()}
        known = next(filter(None, stamps.values()), None)
        return {
            "step": node.name,
            "state": self._state(node, stamps.values()),
            "reason": reason,
            "seconds": round(known.seconds, 3) if known else None,
            "code": known.record.code if known else {},
            "inputs": dict(known.record.inputs) if known else {},
            "outputs": {
                location(name, dataset): {
                    "path": str(load_path(dataset) or "") or None,
                    **(stamps[name].output if stamps[name] else {}),
                }
                for name, dataset in datasets.items()
            },
        }

    def _state(self, node: Node, stamps) -> str:
        if node in self._skipped:
            return "skipped"
        stamped = all(stamp and stamp.run == self._run_id for stamp in stamps)
        return "done" if node in self._done or stamped else "not done"


def _failure(kind: type[BaseException]) -> str:
    return "interrupted" if issubclass(kind, KeyboardInterrupt) else "failed"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_revision() -> dict[str, Any] | None:
    """Return the commit that the code is at, None outside a working copy."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        return {"revision": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
