"""What a feature store costs: reading, writing, memory and disk, against NumPy and plain h5py.

    python benchmarks/store_access.py
    python benchmarks/store_access.py --only reading writing --repeats 15

Rows have the paper's sizes and random content, and lie in the page cache. A ratio is the median
over rounds in which each way has its turn; above 1 it is slower, or more, than what it is
measured against. That all ways give the same values is asserted first. Linux, as memory is
read from /proc; 2 cores: 2 minutes, 3 GB of disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest import mock

import h5py
import numpy as np
import yaml

from avsc_kedro.extraction import PlannedClip, extract_missing, missing, shard_task
from avsc_kedro.features import make_recipe
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import FeatureStore
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Shard, write_shard
from avsc_kedro.stores.source import absent_source

ROOT = Path(__file__).resolve().parents[1]
CLIPS_PER_SHARD = 64  # as in conf/paper
CLIPS_PER_SMALL_SHARD = 4  # where memory is measured
RECORDINGS = 8
MEMORY_MAP, STORE, SYNCED = "NumPy memory map", "FeatureStore", "np.save and fsync"
TOUCHES = ("first touch", "later touches")
PARTS = ("reading", "writing", "disk", "memory")


class Line(NamedTuple):
    """One line of the table: `measured` takes `ratio` times the `took` of `against`."""

    what: str
    measured: str
    against: str
    took: str
    ratio: float
    rounds: int


class Rows(NamedTuple):
    """Features of some clips, and a folder for the files that hold them."""

    title: str
    recipe: Recipe
    values: np.ndarray
    folder: Path

    @property
    def store(self) -> FeatureStore:
        """The store of these rows, not opened."""
        return FeatureStore(self.folder / "store", self.recipe)


class Sizes(NamedTuple):
    """How much is measured, and in how many rounds."""

    spectrograms: int = 512
    frames: int = 96
    shards: tuple[int, int] = (4, 40)
    repeats: int = 9
    memory_repeats: int = 3


def measure(folder: Path, sizes: Sizes, parts: Sequence[str]) -> list[Line]:
    """Measure some of PARTS in an empty folder."""
    lines = []
    if set(parts) != {"memory"}:
        options = paper_options()
        for kind, title, clips in (
            ("mel", "a spectrogram", sizes.spectrograms),
            ("rgb", "the frames of a clip", sizes.frames),
        ):
            rows = make_up(folder / kind, title, make_recipe(kind, options), clips)
            for part, compare_rows in PARTS_OF_ROWS.items():
                if part in parts:
                    lines += compare_rows(rows, sizes.repeats)
    if "memory" in parts:
        lines += compare_memory(folder / "memory", sizes)
    return lines


def paper_options() -> FeaturesOptions:
    """Return the options of the paper's sizes, from conf/."""
    base, paper = (
        yaml.safe_load((ROOT / "conf" / name / "parameters_features.yml").read_text())["features"]
        for name in ("base", "paper")
    )
    return FeaturesOptions(**{name: {**base[name], **paper.get(name, {})} for name in base})


def make_up(folder: Path, title: str, recipe: Recipe, clips: int) -> Rows:
    """Write random rows into a store, by an extraction that takes them for what it computed."""
    rng = np.random.default_rng(0)
    if recipe.kind == "rgb":
        values = rng.integers(0, 256, (clips, *recipe.shape), np.uint8)
    else:
        values = rng.standard_normal((clips, *recipe.shape), np.float32)
    recordings = [folder / "recordings" / f"{number}.wav" for number in range(clips)]
    recordings[0].parent.mkdir(parents=True)
    for path in recordings:
        path.write_text(path.stem)
    rows = Rows(title, recipe, values, folder)

    def take(recipes, path):
        return {recipe.kind: values[int(Path(path).stem)]}

    with (
        mock.patch.object(shard_task, "clip_features", take),
        mock.patch.object(missing, "open_pool", lambda workers: ThreadPoolExecutor(workers)),
    ):
        planned = [PlannedClip(path.stem, str(path)) for path in recordings]
        extract_missing(rows.store, planned, extraction(CLIPS_PER_SHARD))
    return rows


def extraction(clips_per_shard: int) -> ExtractionOptions:
    return ExtractionOptions(workers=2, clips_per_shard=clips_per_shard)


def compare_reading(rows: Rows, rounds: int) -> list[Line]:
    """Read rows in random order, each copied into one buffer, when opened and then again."""
    np.save(rows.folder / "rows.npy", rows.values)
    for name, options in HDF5.items():
        with h5py.File(rows.folder / f"{name}.h5", "w") as file:
            file.create_dataset("rows", data=rows.values, **options)
    lines = _compare_reading(rows, rows.title, lambda clip, rng: (clip,), rounds)
    if rows.recipe.kind == "rgb":
        frames = rows.recipe.shape[0]
        one = lambda clip, rng: (clip, rng.integers(frames))  # noqa: E731
        lines += _compare_reading(rows, "one frame of a clip", one, rounds)
    return lines


def _compare_reading(rows: Rows, title: str, choose: Callable, rounds: int) -> list[Line]:
    rng = np.random.default_rng(1)
    orders = [
        [tuple(map(int, choose(clip, rng))) for clip in rng.permutation(len(rows.values))]
        for _ in TOUCHES
    ]
    out = np.empty_like(rows.values[orders[0][0]])
    for open_rows in READERS.values():
        with open_rows(rows) as read:
            for key in (key for order in orders for key in order):
                out[...] = read(key)
                assert np.array_equal(out, rows.values[key])
    ways = {name: partial(_touch, rows, reader, orders, out) for name, reader in READERS.items()}
    seconds = take_turns(ways, rounds)
    title = f"reading {title} ({out.nbytes / 1e3:,.0f} KB)"
    return [
        line
        for touch, name in enumerate(TOUCHES)
        for line in compare(
            f"{title}, {name}",
            {way: [taken[touch] for taken in turns] for way, turns in seconds.items()},
            against=MEMORY_MAP,
            unit=lambda seconds: f"{1e6 * seconds / len(orders[0]):,.0f} µs",
        )
    ]


def _touch(rows: Rows, open_rows: Callable, orders: list[list[tuple]], out) -> list[float]:
    """Seconds of each order of reading, with one opening."""
    seconds = []
    with open_rows(rows) as read:
        for order in orders:
            began = time.perf_counter()
            for key in order:
                out[...] = read(key)
            seconds.append(time.perf_counter() - began)
    return seconds


@contextlib.contextmanager
def read_map(rows: Rows) -> Iterator[Callable]:
    yield np.load(rows.folder / "rows.npy", mmap_mode="r").__getitem__


@contextlib.contextmanager
def read_store(rows: Rows) -> Iterator[Callable]:
    store = rows.store.open()
    yield lambda key: store[key[0]][key[1:]]


@contextlib.contextmanager
def read_hdf5(name: str, rows: Rows) -> Iterator[Callable]:
    with h5py.File(rows.folder / f"{name}.h5") as file:
        yield file["rows"].__getitem__


HDF5 = {"h5py, contiguous": {}, "h5py, chunks=True": {"chunks": True}}
READERS = {
    MEMORY_MAP: read_map,
    STORE: read_store,
    **{name: partial(read_hdf5, name) for name in HDF5},
}


def compare_writing(rows: Rows, rounds: int) -> list[Line]:
    """Write the rows of one shard to a file that is removed again."""
    values = rows.values[:CLIPS_PER_SHARD]
    folder = rows.folder / "written"
    folder.mkdir()
    writers = {
        SYNCED: partial(_save, folder / "rows.npy", values, durable=True),
        "np.save": partial(_save, folder / "rows.npy", values, durable=False),
        "write_shard": partial(_write_shard, folder, values, rows),
    }
    for write in writers.values():
        assert np.array_equal(_read_whole(write()), values)
    ways = {name: partial(_time_writing, write) for name, write in writers.items()}
    title = f"writing {len(values)} times {rows.title} ({values.nbytes / 1e6:,.0f} MB)"
    return compare(title, take_turns(ways, rounds), against=SYNCED, unit="{:.2f} s".format)


def _time_writing(write: Callable[[], Path]) -> float:
    began = time.perf_counter()
    path = write()
    seconds = time.perf_counter() - began
    path.unlink()
    return seconds


def _save(path: Path, values: np.ndarray, *, durable: bool) -> Path:
    with open(path, "wb") as file:
        np.save(file, values)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    return path


def _write_shard(folder: Path, values: np.ndarray, rows: Rows) -> Path:
    clips = [str(number) for number in range(len(values))]
    sources = [absent_source(clip) for clip in clips]
    shard = write_shard(
        folder, recipe=rows.recipe, clip_ids=clips, features=values, sources=sources
    )
    return folder / shard.name


def _read_whole(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        return np.load(path)
    with h5py.File(path) as file:
        return file["features"][:]


def compare_disk(rows: Rows, rounds: int) -> list[Line]:
    """Set the size of all of a store's files against the bytes of its features."""
    files = [path for path in rows.store.folder.rglob("*") if path.is_file()]
    stored, raw = sum(path.stat().st_size for path in files), rows.values.nbytes
    title = f"disk, {len(rows.values)} times {rows.title}"
    return [Line(title, STORE, "the features' bytes", f"{raw / 1e6:,.0f} MB", stored / raw, 1)]


PARTS_OF_ROWS = {"reading": compare_reading, "writing": compare_writing, "disk": compare_disk}


def compare_memory(folder: Path, sizes: Sizes) -> list[Line]:
    """Extract spectrograms of few and of many shards, each time in processes of their own."""
    rng = np.random.default_rng(2)
    audio = paper_options().audio
    (folder / "recordings").mkdir(parents=True)
    for number in range(RECORDINGS):
        wave = rng.uniform(-0.5, 0.5, (2, round(audio.sample_rate_hz * audio.duration_s)))
        path = folder / "recordings" / f"{number}.wav"
        write_wav(path, wave, sample_rate_hz=audio.sample_rate_hz)
    ways = {str(shards): partial(_extract_apart, folder, shards) for shards in sizes.shards}
    few, many = ways
    found = take_turns(ways, sizes.memory_repeats)
    for one, other in zip(found[few], found[many], strict=True):
        assert one["digests"] == other["digests"][: len(one["digests"])]
    return [
        line
        for process in ("parent", "largest worker")
        for line in compare(
            f"peak memory of an extraction, {process}",
            {f"{way} shards": [peaks[process] for peaks in found[way]] for way in ways},
            against=f"{few} shards",
            unit=lambda kilobytes: f"{kilobytes / 1e3:,.0f} MB",
        )
    ]


def _extract_apart(folder: Path, shards: int) -> dict:
    command = [sys.executable, __file__, "--extract", str(folder), str(shards)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CI": "1"})
    if done.returncode:
        raise RuntimeError(f"the extraction failed:\n{done.stderr}")
    return json.loads(done.stdout)


def extract(folder: Path, shards: int) -> dict:
    """What a process does whose memory is measured: extract, and say how much it took."""
    paths = sorted((folder / "recordings").glob("*.wav"))
    planned = [
        PlannedClip(f"{number:05}", str(paths[number % len(paths)]))
        for number in range(shards * CLIPS_PER_SMALL_SHARD)
    ]
    missing.extract_shard = _extract_and_note_peak
    with tempfile.TemporaryDirectory(dir=folder) as target:
        os.environ["PEAKS"] = target
        store = FeatureStore(Path(target) / "store", make_recipe("mel", paper_options()))
        extract_missing(store, planned, extraction(CLIPS_PER_SMALL_SHARD))
        return {
            "parent": peak_memory_kb(),
            "largest worker": max(int(p.read_text()) for p in Path(target).glob("*.peak")),
            "digests": [store.row(clip.clip_id).digest for clip in planned],
        }


def _extract_and_note_peak(task) -> list[Shard]:
    shards = shard_task.extract_shard(task)
    path = Path(os.environ["PEAKS"], f"{os.getpid()}.peak")
    path.write_text(str(peak_memory_kb()))
    return shards


def peak_memory_kb() -> int:
    """Return the largest resident size of this process.

    `getrusage` would count the process that started this one, too.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def take_turns(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list]:
    """Call each way once a round, each round beginning with another; return what they gave."""
    names = list(ways)
    found: dict[str, list] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in (*names[first:], *names[:first]):
            found[name].append(ways[name]())
    return found


def compare(
    what: str, found: dict[str, list[float]], *, against: str, unit: Callable[[float], str]
) -> list[Line]:
    """Set each way against one of them, by the median of the rounds' ratios."""
    reference = found[against]
    lines = []
    for name, values in found.items():
        if name != against:
            ratio = median(mine / its for mine, its in zip(values, reference, strict=True))
            took = unit(median(reference))
            lines.append(Line(what, name, against, took, ratio, len(values)))
    return lines


def table(lines: list[Line]) -> str:
    """Put lines as a Markdown table."""
    head = "| what | measured | against | which takes | ratio | median of |"
    rows = [
        f"| {line.what} | {line.measured} | {line.against} | {line.took} | {line.ratio:.3f} | "
        f"{line.rounds} |"
        for line in lines
    ]
    return "\n".join([head, "| --- " * 6 + "|", *rows])


def main() -> None:
    """Measure what the command line asks for, and print the table."""
    arguments = parse_arguments()
    if arguments.extract:
        folder, shards = arguments.extract
        print(json.dumps(extract(Path(folder), int(shards))))
        return
    sizes = Sizes(repeats=arguments.repeats, memory_repeats=arguments.memory_repeats)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        print(table(measure(Path(folder), sizes, arguments.only)))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeats", type=int, default=Sizes().repeats)
    parser.add_argument("--memory-repeats", type=int, default=Sizes().memory_repeats)
    parser.add_argument("--folder", type=Path, help="for temporary files")
    parser.add_argument("--extract", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
