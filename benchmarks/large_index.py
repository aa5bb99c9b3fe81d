"""What a store's index and plan cost with very many clips: bytes, seconds and memory a clip.

    python benchmarks/large_index.py --clips 12291 100000 400000

Rows are made up and no features are written. What is timed is what a run does besides
extracting: plan, write and read the index, and ask whether each recording is as it was
(here one small file stands for all of them, so that its place is in the system's cache).
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.stores.index import INDEX, Index, read_index, write_index
from avsc_kedro.stores.outdated import why_outdated
from avsc_kedro.stores.plan import PLAN, renew_plan
from avsc_kedro.stores.recipe import Recipe, write_recipe
from avsc_kedro.stores.shard import Place, Row
from avsc_kedro.stores.source import identify_source
from avsc_kedro.stores.writing import SHARDS

RECIPE = Recipe("mel", {}, 1, (128, 309, 2), "<f4")
CLIPS_PER_SHARD = 64


class Cost(NamedTuple):
    """What one size costs; times in seconds, sizes in bytes."""

    clips: int
    index_bytes: int
    plan_bytes: int
    memory_bytes: int
    plan_s: float
    write_s: float
    read_s: float
    check_s: float


def measure(folder: Path, clips: int) -> Cost:
    """Measure one size in an empty folder."""
    index = make_up(folder, clips)
    write_recipe(folder, RECIPE)
    _, plan_s = _timed(
        lambda: renew_plan(folder, list(index.rows), {}, size=CLIPS_PER_SHARD, anew=True)
    )
    _, write_s = _timed(lambda: write_index(folder, index))
    tracemalloc.start()
    read_index(folder, recipe_id=RECIPE.id)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    read, read_s = _timed(lambda: read_index(folder, recipe_id=RECIPE.id))
    why, check_s = _timed(lambda: why_outdated(folder, RECIPE, read))
    if read != index or why is not None:
        raise RuntimeError(f"the index did not come back as it was written: {why}")
    sizes = ((folder / name).stat().st_size for name in (INDEX, PLAN))
    return Cost(clips, *sizes, memory, plan_s, write_s, read_s, check_s)


def make_up(folder: Path, clips: int) -> Index:
    """Return an index of rows that lie nowhere, all of one recording."""
    recording = folder / "recordings" / "metro_station-barcelona-123-45678.wav"
    recording.parent.mkdir(parents=True)
    recording.write_bytes(b"sound")
    source = identify_source(str(recording))
    rows, shards = {}, {}
    (folder / SHARDS).mkdir()
    for number in range(clips):
        shard = f"{number // CLIPS_PER_SHARD:024x}.h5"
        clip = f"metro_station-barcelona-{number:08}"
        place = number % CLIPS_PER_SHARD
        rows[clip] = Row(clip, shard, place, 2**31 + number, f"{number:016x}", source)
        if place == 0:
            (folder / SHARDS / shard).touch()
            shards[shard] = Place(0, 4096)
    return Index(RECIPE.id, shards, rows)


def table(costs: list[Cost]) -> str:
    """Return the costs as a Markdown table, a clip each."""
    lines = [
        "| clips | index | plan | memory | plan | write | read | check |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for cost in costs:
        sizes = (f"{n / cost.clips:,.0f} B" for n in cost[1:4])
        times = (f"{1e6 * s / cost.clips:,.1f} us" for s in cost[4:])
        lines.append(f"| {cost.clips:,} | {' | '.join([*sizes, *times])} |")
    return "\n".join(lines)


def _timed(work):
    begin = time.perf_counter()
    return work(), time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[12_291, 100_000, 400_000])
    costs = []
    for clips in parser.parse_args().clips:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / RECIPE.id
            target.mkdir()
            costs.append(measure(target, clips))
    print(table(costs))


if __name__ == "__main__":
    main()
