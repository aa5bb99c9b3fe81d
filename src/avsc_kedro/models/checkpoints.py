"""Where a training stands, on disk: an interrupted one goes on from there.

One folder per training, named by a digest of all that decides its weights. Each file
carries a digest of its content; the two newest of a stage are kept, so that one
damaged file costs one interval.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avsc_kedro.publish import publish_bytes, publish_file

KEPT = 2
FORGOTTEN_AFTER_S = 24 * 3600
FINISHED = "finished"  # file beside the trainings' folders: which of them came to its end
KEY = re.compile(r"[0-9a-f]{32}")
ARRAYS = ("network", "optimizer", "best_weights")

logger = logging.getLogger(__name__)


class State(NamedTuple):
    """A training after an epoch: all that the next epoch depends on, and what was noted.

    `network` and `optimizer` are all of their variables, the states of random
    generators among them; `best_weights` is empty without a validation set.
    """

    epoch: int
    history: list[dict[str, float | str]]
    best_epoch: int
    best_loss: float
    network: list[np.ndarray]
    optimizer: list[np.ndarray]
    best_weights: list[np.ndarray]


class Checkpoints(NamedTuple):
    """The trainings of one network whose results are not saved yet, each in its folder."""

    folder: Path

    def of(self, key: str) -> TrainingCheckpoints:
        """Return the checkpoints of one training; its owner may write from now on.

        What a killed process had half written is removed, and so are other trainings
        that nobody has gone on with for a day.

        Args:
            key: `digest` of all that decides the training.
        """
        self._forget_others(key)
        (self.folder / FINISHED).unlink(missing_ok=True)
        chosen = TrainingCheckpoints(self.folder / key)
        for path in chosen.folder.glob(".*.npz"):
            path.unlink(missing_ok=True)
        return chosen

    def discard_finished(self) -> None:
        """Remove the training that came to its end last: what it led to is saved.

        Others, with other options or clips, stay for their day; one that ended but was
        killed before its results were saved is among them.
        """
        with contextlib.suppress(FileNotFoundError):
            key = (self.folder / FINISHED).read_text(encoding="utf-8", errors="replace")
            if KEY.fullmatch(key) and (self.folder / key).exists():
                shutil.rmtree(self.folder / key)
            (self.folder / FINISHED).unlink()
        self._forget_others()
        with contextlib.suppress(OSError):  # others are in it
            self.folder.rmdir()

    def discard(self) -> None:
        """Remove all of them: they are not wanted."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder)

    def _forget_others(self, key: str | None = None) -> None:
        for folder in self.folder.glob("*"):
            if folder.name != key and KEY.fullmatch(folder.name) and _is_forgotten(folder):
                shutil.rmtree(folder, ignore_errors=True)


class TrainingCheckpoints(NamedTuple):
    """The checkpoints of one training: `<stage>-<epoch>.npz`."""

    folder: Path

    def save(self, stage: str, state: State) -> None:
        """Write a checkpoint whole or not at all, and drop all but the newest of its stage.

        Raises:
            OSError: If the folder cannot be written or the disk is full.
        """
        with publish_file(self.folder / f"{stage}-{state.epoch:04d}.npz") as temporary:
            _write(temporary, state)
        for path in self._newest_first(stage)[KEPT:]:
            path.unlink(missing_ok=True)

    def newest(self, stage: str) -> State | None:
        """Return the newest intact state of a stage, None if there is none."""
        for path in self._newest_first(stage):
            try:
                return _read(path)
            except Exception as error:  # a damaged archive may raise anything
                reason = str(error) or type(error).__name__
                logger.warning("%s is passed over, it cannot be used: %s", path, reason)
        return None

    def finish(self) -> None:
        """Note that the training came to its end, for `Checkpoints.discard_finished`."""
        with contextlib.suppress(OSError):  # it then stays for a day
            publish_bytes(self.folder.parent / FINISHED, self.folder.name.encode())

    def _newest_first(self, stage: str) -> list[Path]:
        paths = self.folder.glob(f"{stage}-*.npz")
        return sorted(paths, key=lambda path: (len(path.name), path.name), reverse=True)


def digest(facts: Any, arrays: Iterable[np.ndarray]) -> str:
    """Return the BLAKE2b digest (32 hexadecimal digits) of facts, as JSON, and arrays."""
    result = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16)
    for array in arrays:
        result.update(f"{array.dtype.str}{array.shape}".encode())
        result.update(np.ascontiguousarray(array))
    return result.hexdigest()


def _write(path: Path, state: State) -> None:
    facts = {name: value for name, value in state._asdict().items() if name not in ARRAYS}
    arrays = {name: getattr(state, name) for name in ARRAYS}
    entries = {
        f"{name}.{index:04d}": array
        for name, group in arrays.items()
        for index, array in enumerate(group)
    }
    check = digest(facts, entries.values())
    description = json.dumps({"facts": facts, "digest": check}).encode()
    np.savez(path, description=np.frombuffer(description, np.uint8), **entries)


def _read(path: Path) -> State:
    with np.load(path, allow_pickle=False) as file:
        description = json.loads(file["description"].tobytes())
        arrays = {
            name: [file[key] for key in sorted(file) if key.startswith(f"{name}.")]
            for name in ARRAYS
        }
    facts = description["facts"]
    if (
        digest(facts, (array for group in arrays.values() for array in group))
        != description["digest"]
    ):
        raise ValueError("its content no longer has its digest")
    return State(**facts, **arrays)


def _is_forgotten(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > FORGOTTEN_AFTER_S
    except FileNotFoundError:
        return False
