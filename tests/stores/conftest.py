"""Small stores whose features are numbers drawn from what their recordings say."""

from __future__ import annotations

import zlib
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.extraction import PlannedClip, extract_missing, missing, shard_task
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores import FeatureStore
from avsc_kedro.stores.recipe import Recipe

RECIPE = Recipe("mel", {"stft": {"n_fft": 8}}, 1, (4, 5, 2), "<f4")


def values_of(text: str) -> np.ndarray:
    """Features of a recording that says `text`, (4, 5, 2)."""
    return np.random.default_rng(zlib.crc32(text.encode())).standard_normal((4, 5, 2)).astype("<f4")


class InThisProcess(Executor):
    """Runs a task as soon as it is submitted, so that every step has its number."""

    def submit(self, fn, /, *arguments):
        future = Future()
        try:
            future.set_result(fn(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class World:
    """Recordings, a store of them, and which were decoded."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.decoded: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def record(self, *clips: str, saying: str = "sound of") -> list[PlannedClip]:
        """Write one small file a clip; a clip called bad cannot be decoded."""
        for clip in clips:
            (self.folder / f"{clip}.wav").write_text(f"{saying} {clip}")
        return self.plan(*clips)

    def plan(self, *clips: str) -> list[PlannedClip]:
        return [PlannedClip(clip, str(self.folder / f"{clip}.wav")) for clip in clips]

    def expected(self, clip: str) -> np.ndarray:
        return values_of((self.folder / f"{clip}.wav").read_text())

    def store(self) -> FeatureStore:
        return FeatureStore(self.folder / "features" / "mel", RECIPE)

    def extract(self, planned: list[PlannedClip], *, size: int = 2, anew: bool = False):
        """Extract what is missing and return the clips that were decoded for it."""
        self.decoded.clear()
        options = ExtractionOptions(workers=1, clips_per_shard=size, max_failed_fraction=1)
        extract_missing(self.store(), planned, options, anew=anew)
        return sorted(self.decoded)

    def check(self, *clips: str) -> FeatureStore:
        """Assert that the sealed store holds the right features of exactly these clips."""
        store = self.store().open()
        assert store.clip_ids == [clip for clip in clips if not clip.startswith("bad")]
        for clip in store.clip_ids:
            np.testing.assert_array_equal(store[clip], self.expected(clip))
        return store

    def compute(self, recipes, path):
        """Stands for `clip_features`."""
        text = Path(path).read_text()
        self.decoded.append(Path(path).stem)
        if Path(path).stem.startswith("bad"):
            raise InputError(f"{path} holds no sound.")
        return dict.fromkeys(recipes, values_of(text))


@contextmanager
def open_here(workers):
    yield InThisProcess()


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    made = World(tmp_path / "world")
    monkeypatch.setattr(missing, "open_pool", open_here)
    monkeypatch.setattr(shard_task, "clip_features", made.compute)
    return made
