"""An extraction on a dask scheduler and workers that are processes of their own."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from avsc_kedro.extraction import PlannedClip, extract_missing, missing
from avsc_kedro.features import make_recipe
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.paper import SOUND_KINDS
from avsc_kedro.stores import FeatureStore
from tests.conftest import ROOT
from tests.extraction import slow_shards
from tests.extraction.test_missing import OPTIONS

SECONDS_TO_START = 60


class DaskProcesses:
    """A scheduler, and workers that can be killed."""

    def __init__(self, folder):
        self.file = folder / "scheduler.json"
        self._folder = folder
        self._all = []
        where = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self._start("dask_scheduler", *where, "--scheduler-file", str(self.file))
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def start_worker(self):
        """Start a worker of one thread, without a nanny that would start it again."""
        return self._start(
            "dask_worker", "--scheduler-file", str(self.file), "--nthreads", "1", "--no-nanny",
            "--no-dashboard",
        )  # fmt: skip

    def stop(self):
        for process in reversed(self._all):
            process.kill()
            process.wait()

    def _start(self, command, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", *arguments],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._all.append(process)
        return process


@pytest.fixture
def dask(tmp_path):
    folder = tmp_path / "dask"
    folder.mkdir()
    processes = DaskProcesses(folder)
    yield processes
    processes.stop()


@pytest.fixture
def clips(tmp_path):
    """Forty tones, and every ninth a file that is no sound."""
    planned = []
    for number in range(40):
        path = tmp_path / f"clip-{number:02}.wav"
        tone = 0.3 * np.sin(np.arange(8000) * 0.01 * (10 + number))
        if number % 9 == 4:
            path.write_bytes(b"no sound at all" * 50)
        else:
            write_wav(path, np.stack([tone, tone / 2]), sample_rate_hz=8000)
        planned.append(PlannedClip(path.stem, str(path)))
    return planned


def stores(folder):
    return [FeatureStore(folder / kind, make_recipe(kind, OPTIONS)) for kind in SOUND_KINDS]


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_killed_worker_changes_no_byte(tmp_path, clips, dask, monkeypatch):
    limits = {"workers": 2, "clips_per_shard": 2, "max_failed_fraction": 1}
    local, *beside = stores(tmp_path / "local")
    extract_missing(local, clips, ExtractionOptions(**limits), beside=beside)

    monkeypatch.setattr(missing, "extract_shard", slow_shards.extract_shard)
    address = json.loads(dask.file.read_text())["address"]
    workers = [dask.start_worker() for _ in range(2)]
    spread, *beside = stores(tmp_path / "spread")
    killed_at = []

    def kill_one_half_way():
        while len(list(spread.shards.glob("[!.]*.h5"))) < 8:
            time.sleep(0.01)
        workers[0].kill()
        killed_at.append(len(list(spread.shards.glob("[!.]*.h5"))))

    killer = threading.Thread(target=kill_one_half_way, daemon=True)
    killer.start()
    options = ExtractionOptions(**limits, scheduler=address)
    done = extract_missing(spread, clips, options, beside=beside)
    killer.join(10)

    assert 8 <= killed_at[0] < 20
    assert len(done.rows) == 36
    assert len(done.failures) == 4
    assert workers[0].poll() is not None
    assert workers[1].poll() is None
    expected = contents(tmp_path / "local")
    assert len(expected) == 3 * (20 + 3)
    found = contents(tmp_path / "spread")
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []
