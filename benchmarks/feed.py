"""What the feed costs: samples a second by itself, and training on it against one cached batch.

    python benchmarks/feed.py
    python benchmarks/feed.py --only alone --repeats 9
    python benchmarks/feed.py --only training --branches vis_inc --steps 100
    python benchmarks/feed.py --quick

Alone: the paper's sizes and mixup, batches of 32 from real stores, in one thread, against the
same batches made of whole arrays in plain NumPy; that both give the same bytes is asserted
first. `as Keras reads it` adds the queue in front of the network. A first epoch is one of a
store opened anew, which compares every row with its checksum. Training: the networks, batches
and steps of conf/base, where steps are short, on the feed and on one batch of it over and over,
in turns of ten steps; no validation, no checkpoints. Ratios are medians over repeats or turns.
Rows are random and lie in the page cache. --quick trains one of the three audio networks, which
are built alike. 2 cores: 20 minutes, 0.8 GB of disk; alone takes one of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsc_kedro import runtime  # noqa: E402

runtime.start_backend()

import keras  # noqa: E402
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter  # noqa: E402

from avsc_kedro import mixup  # noqa: E402
from avsc_kedro.features import make_recipe  # noqa: E402
from avsc_kedro.models.backbone import (  # noqa: E402
    build_audio_backbone,
    build_visual_backbone,
)
from avsc_kedro.models.feeds import Feed  # noqa: E402
from avsc_kedro.models.finite import FiniteRows  # noqa: E402
from avsc_kedro.models.optimiser import compile_training  # noqa: E402
from avsc_kedro.models.samples import FrameSamples, SpectrogramSamples  # noqa: E402
from avsc_kedro.models.training import seed_everything  # noqa: E402
from avsc_kedro.options import (  # noqa: E402
    BackbonesOptions,
    ComputeOptions,
    FeaturesOptions,
    MixupOptions,
)
from avsc_kedro.paper import BRANCHES, Branch  # noqa: E402
from benchmarks.store_access import Rows, make_up, paper_options, take_turns  # noqa: E402

PAPER_MIXUP = MixupOptions(distribution="uniform", different_scenes=True)
CLASSES = 10
KINDS = {"mel": "spectrograms", "rgb": "frames"}
PARTS = ("alone", "training")


class Sizes(NamedTuple):
    """How much is measured, and how often."""

    spectrograms: int = 512
    frame_clips: int = 96
    batch_size: int = 32
    steps: int = 50
    repeats: int = 5
    steps_per_turn: int = 10  # short, so that both ways meet the same moods of the machine

    @property
    def turns(self) -> int:
        return self.repeats * max(1, self.steps // self.steps_per_turn)


class Alone(NamedTuple):
    """One row: samples a second by themselves, and how much longer other ways take."""

    what: str
    samples_per_s: float
    plain: float
    first_epoch: float
    as_keras_reads: float


class Training(NamedTuple):
    """One row: milliseconds a step on one cached batch and on the feed, and the feed's own."""

    what: str
    cached_ms: float
    feed_ms: float
    ratio: float
    making_ms: float


class CachedBatch(keras.utils.PyDataset):
    """The same batch for every step."""

    def __init__(self, batch, steps: int):
        super().__init__()
        self._batch = batch
        self._steps = steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int):
        return self._batch


def measure_alone(folder: Path, sizes: Sizes) -> list[Alone]:
    """Measure the feed by itself, for spectrograms and for frames."""
    options, lines = paper_options(), []
    for kind, clips in (("mel", sizes.spectrograms), ("rgb", sizes.frame_clips)):
        rows = make_up(folder / kind, KINDS[kind], make_recipe(kind, options), clips)
        lines.append(_measure_alone(rows, sizes))
    return lines


def _measure_alone(rows: Rows, sizes: Sizes) -> Alone:
    open_feed = partial(feed_of, rows, batch_size=sizes.batch_size, mixup_options=PAPER_MIXUP)
    feed = open_feed()
    for index in range(len(feed)):
        assert feed[index][0].tobytes() == plain_batch(feed, index).tobytes()
    queue = PyDatasetAdapter(feed).get_tf_dataset()
    ways = {
        "feed": lambda: seconds(feed),
        "plain": lambda: seconds(plain_batch(feed, index) for index in range(len(feed))),
        "first": lambda: seconds(open_feed()),
        "keras": lambda: seconds(queue),
    }
    taken = take_turns(ways, sizes.repeats)
    rate = feed.samples.clips * feed.samples.per_clip / median(taken["feed"])
    return Alone(rows.title, rate, *(ratio(taken[way], taken["feed"]) for way in list(ways)[1:]))


def feed_of(rows: Rows, *, batch_size: int, mixup_options: MixupOptions, per_clip=None) -> Feed:
    """Open a store anew and return a feed of it, as training makes one."""
    clip_ids = [str(clip) for clip in range(len(rows.values))]
    stored = FiniteRows(rows.store.open().select(clip_ids), clip_ids)
    if rows.recipe.kind == "rgb":
        samples = FrameSamples(stored, per_clip or rows.recipe.shape[0])
    else:
        samples = SpectrogramSamples(stored)
    return Feed(
        samples,
        np.arange(len(clip_ids)) % CLASSES,
        clip_ids,
        classes=CLASSES,
        batch_size=batch_size,
        mixup_options=mixup_options,
        seed=0,
    )


def plain_batch(feed: Feed, index: int) -> np.ndarray:
    """Make the samples of a batch of whole arrays: all as floats, all partners, then equation."""
    chosen = feed.indices(index)
    labels = feed.labels[chosen // feed.samples.per_clip]
    rng = np.random.default_rng([feed.seed, feed.epoch, index + 1])
    samples = feed.samples.take(chosen, rng).astype(np.float32)
    options = feed.mixup_options
    weights = mixup.draw_weights(
        rng, len(labels), distribution=options.distribution, alpha=options.alpha
    )
    partner = mixup.draw_partners(rng, labels, different_scenes=options.different_scenes)
    each = weights.reshape(-1, *[1] * (samples.ndim - 1))
    return each * samples + (1 - each) * samples[partner]


def seconds(batches) -> float:
    """Take all batches, and return how long that took."""
    began = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - began


def ratio(mine: list[float], others: list[float]) -> float:
    """Return the median of the repeats' ratios."""
    return median(one / other for one, other in zip(mine, others, strict=True))


def measure_training(folder: Path, sizes: Sizes, branches: list[Branch]) -> list[Training]:
    """Measure steps of the real training for each branch."""
    options = base_options("features", FeaturesOptions)
    networks = base_options("backbones", BackbonesOptions)
    stores: dict[str, Rows] = {}
    lines = []
    for branch in branches:
        network = getattr(networks, branch.name)
        per_clip = 1 if branch.modality == "audio" else network.frames_per_clip
        clips = -(-sizes.steps_per_turn * network.training.step_size // per_clip)
        kind = branch.features
        if kind not in stores:
            stores[kind] = make_up(folder / kind, kind, make_recipe(kind, options), clips)
        lines.append(_measure_training(branch, network, stores[kind], sizes))
    return lines


def base_options(group: str, kind: Callable):
    """Return a group of conf/base."""
    for path in sorted((ROOT / "conf" / "base").glob("parameters*.yml")):
        found = yaml.safe_load(path.read_text())
        if group in found:
            return kind(**found[group])
    raise KeyError(group)


def _measure_training(branch: Branch, options, rows: Rows, sizes: Sizes) -> Training:
    feed = feed_of(
        rows,
        batch_size=options.training.step_size,
        mixup_options=options.training.mixup,
        per_clip=getattr(options, "frames_per_clip", None),
    )
    cached = CachedBatch(feed[0], len(feed))
    seed_everything(0)
    network = build(branch, options, feed[0][0].shape[1:])
    steps = 2 * len(feed) * (sizes.turns + 1)
    trainer = compile_training(network, options.training, ComputeOptions(), steps=steps)
    ways = {name: partial(fit, trainer, data) for name, data in (("feed", feed), ("one", cached))}
    for train in ways.values():  # the step is traced, the rows are checked
        train()
    taken = take_turns(ways, sizes.turns)
    taken["making"] = [seconds(feed) for _ in range(sizes.repeats)]
    a_step = {way: 1000 * median(times) / len(feed) for way, times in taken.items()}
    compared = ratio(taken["feed"], taken["one"])
    return Training(branch.title, a_step["one"], a_step["feed"], compared, a_step["making"])


def build(branch: Branch, options, shape: tuple[int, ...]) -> keras.Model:
    """Build a branch's network; random spectrograms need no normalisation."""
    if branch.modality == "audio":
        return build_audio_backbone(
            branch,
            options,
            input_shape=shape,
            classes=CLASSES,
            mean=np.zeros(3 * shape[-1], np.float32),
            variance=np.ones(3 * shape[-1], np.float32),
        )
    return build_visual_backbone(branch, options, input_shape=shape, classes=CLASSES)


def fit(trainer: keras.Model, data: keras.utils.PyDataset) -> float:
    """Train one epoch, and return how long that took."""
    began = time.perf_counter()
    trainer.fit(data, shuffle=False, verbose=0)
    return time.perf_counter() - began


def alone_table(lines: list[Alone]) -> str:
    """Return the lines as a Markdown table."""
    head = "| | samples/s, one thread | plain NumPy | first epoch | as Keras reads it |"
    rows = [
        f"| {line.what} | {line.samples_per_s:,.0f} | {line.plain:.2f} | {line.first_epoch:.2f} | "
        f"{line.as_keras_reads:.2f} |"
        for line in lines
    ]
    return "\n".join([head, "| --- " + "| ---: " * 4 + "|", *rows])


def training_table(lines: list[Training]) -> str:
    """Return the lines as a Markdown table."""
    head = "| network | one batch, ms a step | feed, ms a step | ratio | of it alone, ms a batch |"
    rows = [
        f"| {line.what} | {line.cached_ms:.1f} | {line.feed_ms:.1f} | {line.ratio:.3f} | "
        f"{line.making_ms:.2f} |"
        for line in lines
    ]
    return "\n".join([head, "| --- " + "| ---: " * 4 + "|", *rows])


def main() -> None:
    """Measure what the command line asks for, and print the tables."""
    chosen = parse_arguments()
    sizes = Sizes(repeats=chosen.repeats, steps=chosen.steps)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        if "alone" in chosen.only:
            print(alone_table(measure_alone(Path(folder, "alone"), sizes)), flush=True)
        if "training" in chosen.only:
            print(training_table(measure_training(Path(folder, "base"), sizes, chosen.branches)))


def parse_arguments() -> argparse.Namespace:
    """Read the command line; the branches as rows of the paper's table."""
    names = [branch.name for branch in BRANCHES]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--branches", nargs="+", choices=names, default=names)
    parser.add_argument("--quick", action="store_true", help="one of the audio networks")
    parser.add_argument("--steps", type=int, default=Sizes().steps)
    parser.add_argument("--repeats", type=int, default=Sizes().repeats)
    parser.add_argument("--folder", type=Path, help="for temporary files")
    chosen = parser.parse_args()
    left_out = ("aud_gam", "aud_cqt") if chosen.quick else ()
    chosen.branches = [b for b in BRANCHES if b.name in chosen.branches and b.name not in left_out]
    return chosen


if __name__ == "__main__":
    main()
