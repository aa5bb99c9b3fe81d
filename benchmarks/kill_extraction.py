"""Kills an extraction again and again, and compares what it ends with to an uninterrupted one.

    python benchmarks/kill_extraction.py --kills 50

Makes short recordings of its own, one in nine of which cannot be decoded. 2 cores:
about 4 s a kill. Expected: the same bytes, at most one shard a worker redone for each
kill, no process left behind.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsc_kedro.extraction import PlannedClip, extract_missing, missing, shard_task
from avsc_kedro.features import make_recipe
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import FeatureStore

CLIPS_PER_SHARD = 3
SHARDS_PER_KILL = 4
SECONDS_A_SHARD = 0.15  # as if the recordings were longer
SECONDS_TO_END = 10.0
MARK = "KILL_EXTRACTION"
OPTIONS = FeaturesOptions(
    audio={"sample_rate_hz": 8000, "duration_s": 0.5},
    stft={"n_fft": 512, "window_length": 320, "hop_length": 256, "floor_power": 1e-20},
    mel={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    gam={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    cqt={"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    rgb={"frames_per_second": 2.0, "size_px": 32},
)


class Kill(NamedTuple):
    """What one kill cost.

    Attributes:
        finished: Shards that had been finished by then.
        redone: Shards begun since the kill before and not finished.
        end_s: Seconds until the last worker had ended too.
    """

    finished: int
    redone: int
    end_s: float


class Summary(NamedTuple):
    """What became of an extraction that was killed many times."""

    kills: list[Kill]
    shards: int
    orphans: int
    rewritten: int
    differing: list[str]


def kill_extraction(folder: Path, *, kills: int, workers: int = 2, seed: int = 0) -> Summary:
    """Kill an extraction at random moments, let it end, and compare it to one left alone.

    Args:
        folder: An empty folder.
        kills: How often; fewer if the extraction is done before.
        workers: Processes that extract.
        seed: Decides the moments.
    """
    record_clips(folder / "clips", CLIPS_PER_SHARD * SHARDS_PER_KILL * (kills + 1))
    killed, whole = folder / "killed", folder / "whole"
    left_alone = Extraction(folder, whole, workers)
    moments, done = random.Random(seed), []
    orphans = rewritten = 0
    before: dict[str, int] = {}
    while len(done) < kills:
        begun = _count_begun(killed)
        child = Extraction(folder, killed, workers)
        if child.runs_until(_moment(moments, killed, begun)):
            break
        end_s, left = child.kill()
        after = finished_shards(killed)
        begun = _count_begun(killed) - begun
        done.append(Kill(len(after), begun - len(after.keys() - before.keys()), end_s))
        rewritten += sum(after.get(name) != inode for name, inode in before.items())
        orphans += left
        before = after
    Extraction(folder, killed, workers).finish()
    left_alone.finish()
    return Summary(done, len(finished_shards(whole)), orphans, rewritten, differing(killed, whole))


class Extraction:
    """An extraction in a process of its own, with workers below it."""

    def __init__(self, folder: Path, target: Path, workers: int):
        self._mark = f"{MARK}={uuid.uuid4().hex}"
        name, _, value = self._mark.partition("=")
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--extract", folder, target, "--workers", str(workers)],
            env={**os.environ, name: value, "CI": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def runs_until(self, is_time) -> bool:
        """Wait for a moment; return whether the process came to its end before."""
        while not is_time():
            if self._process.poll() is not None:
                self.finish()
                return True
            time.sleep(0.005)
        return False

    def kill(self) -> tuple[float, int]:
        """Kill the process alone; return how long its workers lived on, and how many stayed."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stderr.close()
        killed = time.perf_counter()
        while (left := self._processes()) and time.perf_counter() - killed < SECONDS_TO_END:
            time.sleep(0.02)
        for process in left:
            os.kill(process, signal.SIGKILL)
        return time.perf_counter() - killed, len(left)

    def finish(self) -> None:
        """Let the process come to its end."""
        _, errors = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"the extraction failed:\n{errors}")

    def _processes(self) -> list[int]:
        """Processes that carry this extraction's mark."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self._mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # ended while we looked
                continue
        return found


def record_clips(folder: Path, count: int) -> list[PlannedClip]:
    """Write short tones, and every ninth a file that is no sound."""
    folder.mkdir(parents=True)
    time_s = np.arange(4000) / 8000
    for number in range(count):
        path = folder / f"clip-{number:04}.wav"
        if number % 9 == 4:
            path.write_bytes(b"no sound at all" * 50)
            continue
        tone = 0.3 * np.sin(2 * np.pi * (200 + number) * time_s)
        write_wav(path, np.stack([tone, 0.5 * tone]), sample_rate_hz=8000)
    return planned_clips(folder)


def planned_clips(folder: Path) -> list[PlannedClip]:
    return [PlannedClip(path.stem, str(path)) for path in sorted(folder.glob("*.wav"))]


def extract(folder: Path, target: Path, workers: int) -> None:
    """What the process that is killed does."""
    missing.extract_shard = _extract_slowly
    os.environ["BEGUN"] = str(_begun(target))
    options = ExtractionOptions(
        workers=workers, clips_per_shard=CLIPS_PER_SHARD, max_failed_fraction=0.5
    )
    store = FeatureStore(target / "mel", make_recipe("mel", OPTIONS))
    extract_missing(store, planned_clips(folder / "clips"), options)


def _extract_slowly(task):
    with open(os.environ["BEGUN"], "a") as file:
        file.write("begun\n")
    time.sleep(SECONDS_A_SHARD)
    return shard_task.extract_shard(task)


def finished_shards(target: Path) -> dict[str, int]:
    """Return the inode of each finished shard."""
    return {path.name: path.stat().st_ino for path in target.glob("mel/*/shards/[!.]*.h5")}


def differing(one: Path, other: Path) -> list[str]:
    """Return the files that are not the same in both, locks left out."""
    contents = [
        {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.name != ".lock"
        }
        for root in (one, other)
    ]
    names = contents[0].keys() | contents[1].keys()
    return sorted(name for name in names if contents[0].get(name) != contents[1].get(name))


def _moment(moments: random.Random, target: Path, begun: int):
    """A moment to kill at: one in five while the process starts, else soon after it has begun."""
    starting = moments.random() < 0.2
    delay_s = moments.uniform(0.1, 3) if starting else moments.uniform(0, 0.6)
    since = time.perf_counter() if starting else None

    def is_time():
        nonlocal since
        if since is None and _count_begun(target) > begun:
            since = time.perf_counter()
        return since is not None and time.perf_counter() - since > delay_s

    return is_time


def _begun(target: Path) -> Path:
    """A file of one line a shard begun, beside the store."""
    return target.with_suffix(".begun")


def _count_begun(target: Path) -> int:
    path = _begun(target)
    return path.read_text().count("\n") if path.exists() else 0


def describe(summary: Summary, *, workers: int) -> str:
    """Put a summary in words."""
    redone = [kill.redone for kill in summary.kills]
    end_s = max((kill.end_s for kill in summary.kills), default=0)
    lines = [
        f"{len(summary.kills)} kills over {summary.shards} shards, {workers} workers",
        f"shards redone for a kill: most {max(redone, default=0)}, altogether {sum(redone)}",
        f"finished shards written again: {summary.rewritten}",
        f"workers that outlived their parent: {summary.orphans} (the last ended in {end_s:.2f} s)",
        f"files that differ from an uninterrupted run: {len(summary.differing)}",
    ]
    return "\n".join([*lines, *summary.differing])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extract", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.extract:
        extract(*arguments.extract, arguments.workers)
        return
    with tempfile.TemporaryDirectory() as folder:
        summary = kill_extraction(
            Path(folder), kills=arguments.kills, workers=arguments.workers, seed=arguments.seed
        )
    print(describe(summary, workers=arguments.workers))
    if summary.differing or summary.orphans or summary.rewritten:
        sys.exit(1)


if __name__ == "__main__":
    main()
