"""How many clips a second become features, against plain library calls and bare decoding.

    python benchmarks/extraction.py
    python benchmarks/extraction.py --clips 12 --repeats 3 --processes 2 --output figures.json

The clips are made up and as heavy as the real ones (`tau_like.py`); the features have the
paper's sizes. `plain_extraction.py` is what is measured against. Both sides run in the project's
own pools, with one numeric thread and one decoding thread a process, started and warm before
the clock starts; one line shows the plain calls with as many threads as they like. The ways take
turns within a round; figures are medians over the rounds. A ratio is the speed of a way for one
of the plain calls with as many processes; where a line says time, it is seconds for one second.
Memory is that of shards of a sixth of the clips. That both sides give the same features is
asserted first, and printed. 2 cores: 10 minutes, 200 MB of disk.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for benchmarks; processes that are spawned inherit it

from avsc_kedro.extraction import PlannedClip, extract_missing, missing  # noqa: E402
from avsc_kedro.features import clip_features, make_recipe  # noqa: E402
from avsc_kedro.options import ExtractionOptions, FeaturesOptions  # noqa: E402
from avsc_kedro.stores import FeatureStore  # noqa: E402
from avsc_kedro.workers import open_pool  # noqa: E402
from benchmarks import plain_extraction as plain  # noqa: E402
from benchmarks.extraction_steps import saving, time_steps  # noqa: E402
from benchmarks.same_features import SOUND, check_equality  # noqa: E402
from benchmarks.store_access import paper_options, peak_memory_kb, take_turns  # noqa: E402
from benchmarks.tau_like import Clip, Format, make_clips  # noqa: E402

PARTS = {"sound": SOUND, "video": ("rgb",), "all": (*SOUND, "rgb")}
GOALS = {"sound": 2.5, "video": None, "all": 1.5}  # times the plain calls, same processes
DECODING_GOAL = 1.2  # seconds of video extraction for one of decoding
OURS, PLAIN, UNPINNED = "this project", "plain calls", "plain calls, any threads"
DECODERS = {
    "decoding, PyAV": plain.decode_with_pyav,
    "decoding, cv2": plain.decode_with_cv2,
}
ONE_DECODING_THREAD = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": "threads;1"}


class Bench(NamedTuple):
    """What is extracted, and where to."""

    clips: list[Clip]
    options: FeaturesOptions
    folder: Path


class Speed(NamedTuple):
    """One line of the first table: clips a second of one way, and times those of the plain."""

    part: str
    processes: int
    way: str
    clips_per_s: float
    ratio: float
    goal: str


def measure(bench: Bench, *, processes: int, repeats: int) -> dict[str, Any]:
    """Measure everything; each value is a table, as rows by the names of their columns."""
    equality = check_equality(bench.clips[0], bench.options, others=bench.clips[1:2])
    counts = sorted({1, processes})
    speeds = []
    with ExitStack() as pools:
        ours, theirs = (
            {count: pools.enter_context(warm_pool(count, warm_up)) for count in counts}
            for warm_up in (partial(make_ours, bench), partial(make_plain, bench))
        )
        free = pools.enter_context(warm_pool(1, partial(make_plain, bench), pinned=False))
        for part in PARTS:
            for count in counts:
                ways = ways_of(part, ours[count], theirs[count], bench)
                if part == "all" and count == 1:
                    ways[UNPINNED] = partial(extract_plainly, part, free, bench)
                seconds = take_turns(
                    {name: partial(clock, way) for name, way in ways.items()}, repeats
                )
                speeds += compare(part, count, seconds, len(bench.clips))
        memory = [
            {"processes": count, "way": way, "peak_mb_per_worker": peak_mb(pool[count], count)}
            for count in counts
            for way, pool in ((OURS, ours), (PLAIN, theirs))
        ]
        shares = ours[1].submit(time_steps, *bench).result()
    return {
        "speed": [speed._asdict() for speed in speeds],
        "steps of a clip, 1 process": shares,
        "one decoding of sound": [saving(shares)],
        "memory": memory,
        "equality": equality,
    }


@contextmanager
def warm_pool(
    processes: int, warm_up: Callable[[], None], *, pinned: bool = True
) -> Iterator[Executor]:
    """Open a pool all of whose processes have made every feature once, in their own way.

    Args:
        processes: How many.
        warm_up: Makes every feature once.
        pinned: A pool of the project, with one thread a process; else one of Python's own.
    """
    spawn = multiprocessing.get_context("spawn")
    opened = open_pool(processes) if pinned else ProcessPoolExecutor(processes, mp_context=spawn)
    threads = ONE_DECODING_THREAD if pinned else {}
    with opened as pool:
        with mock.patch.dict(os.environ, threads):
            for task in [pool.submit(warm_up) for _ in range(processes)]:
                task.result()
        yield pool


def make_ours(bench: Bench) -> None:
    clip, options = bench.clips[0], bench.options
    clip_features({kind: options.recipe(kind) for kind in SOUND}, str(clip.sound))
    clip_features({"rgb": options.recipe("rgb")}, str(clip.video))


def make_plain(bench: Bench) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain.save_features(PARTS["all"], *bench.clips[0], Path(folder), bench.options)


def ways_of(part: str, ours: Executor, theirs: Executor, bench: Bench) -> dict[str, Callable]:
    """Return what is called in turns, by name."""
    ways = {
        OURS: partial(extract, part, ours, bench),
        PLAIN: partial(extract_plainly, part, theirs, bench),
    }
    if part == "video":
        for name, decode in DECODERS.items():
            ways[name] = partial(decode_all, decode, theirs, bench)
    return ways


def extract(part: str, pool: Executor, bench: Bench) -> None:
    """Extract a part by the project's own command for it, into stores that are new."""
    with (
        tempfile.TemporaryDirectory(dir=bench.folder) as folder,
        mock.patch.object(missing, "open_pool", return_value=nullcontext(pool)),
    ):
        if part in ("sound", "all"):
            fill_stores(SOUND, [clip.sound for clip in bench.clips], bench, Path(folder))
        if part in ("video", "all"):
            fill_stores(("rgb",), [clip.video for clip in bench.clips], bench, Path(folder))


def fill_stores(kinds: Sequence[str], paths: Sequence[Path], bench: Bench, folder: Path) -> None:
    """Fill the stores of some kinds of the same recordings, each decoded once.

    Shards are small enough for each process to make several.
    """
    first, *others = [
        FeatureStore(folder / kind, make_recipe(kind, bench.options)) for kind in kinds
    ]
    clips = [PlannedClip(path.stem, str(path)) for path in paths]
    options = ExtractionOptions(workers=None, clips_per_shard=clips_per_shard(len(clips)))
    done = extract_missing(first, clips, options, beside=others)
    assert len(done.rows) == len(clips)


def clips_per_shard(clips: int) -> int:
    return max(1, clips // 6)


def extract_plainly(part: str, pool: Executor, bench: Bench) -> None:
    """Write the .npy files of a part, a clip a task."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
        tasks = [
            pool.submit(plain.save_features, PARTS[part], *clip, Path(folder), bench.options)
            for clip in bench.clips
        ]
        for task in tasks:
            task.result()


def decode_all(decode: Callable[[Path], int], pool: Executor, bench: Bench) -> None:
    frames = [task.result() for task in [pool.submit(decode, c.video) for c in bench.clips]]
    assert min(frames) > 0


def clock(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(part: str, processes: int, seconds: dict[str, list[float]], clips: int) -> list[Speed]:
    """Put each way's speed beside that of the plain calls; ratios are of the same rounds."""
    lines = []
    for way, taken in seconds.items():
        ratio = median(its / mine for its, mine in zip(seconds[PLAIN], taken, strict=True))
        goal = GOALS[part] if way == OURS else None
        speed = clips / median(taken)
        lines.append(Speed(part, processes, way, speed, ratio, f"{goal}" if goal else ""))
    bound = "decoding, PyAV"
    if bound in seconds:
        pairs = zip(seconds[OURS], seconds[bound], strict=True)
        ratio = median(mine / its for mine, its in pairs)
        name = f"{OURS}, time against {bound}"
        lines.append(Speed(part, processes, name, float("nan"), ratio, f"at most {DECODING_GOAL}"))
    return lines


def peak_mb(pool: Executor, processes: int) -> float:
    """Return the largest resident size any of a pool's processes has had."""
    tasks = [pool.submit(note_peak_kb) for _ in range(2 * processes)]
    return max(task.result() for task in tasks) / 1e3


def note_peak_kb() -> float:
    time.sleep(0.2)  # so that every process gets its turn
    return peak_memory_kb() if sys.platform == "linux" else float("nan")


def markdown(tables: dict[str, list[dict[str, Any]]]) -> str:
    """Put tables one below the other."""
    return "\n\n".join(f"{title}\n\n{table(rows)}" for title, rows in tables.items())


def table(rows: list[dict[str, Any]]) -> str:
    """Put rows as a Markdown table."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([cell(value) for value in row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


def main() -> None:
    """Measure what the command line asks for, and print the tables."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        clips = make_clips(
            folder / "clips", arguments.clips, distinct=arguments.distinct, form=Format()
        )
        bench = Bench(clips, paper_options(), folder)
        tables = measure(bench, processes=arguments.processes, repeats=arguments.repeats)
    print(markdown(tables))
    if arguments.output:
        arguments.output.write_text(json.dumps(tables, indent=2) + "\n")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--distinct", type=int, default=4, help="the others are copies of these")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON file for the same figures")
    parser.add_argument("--folder", type=Path, help="for temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
