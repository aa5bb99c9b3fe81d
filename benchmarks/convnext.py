"""How much faster ConvNeXtTiny is with lean layers than as keras.applications has it.

    python benchmarks/convnext.py
    python benchmarks/convnext.py --size 224 --images 8 --train-images 2 --repeats 3

Both networks have the same weights, drawn at random, LayerScale too: as it starts, at 1e-6, a
wrong kernel would hardly show. That they say the same is checked first. They take turns within
a round; a ratio is the median over the rounds. 2 cores: 1 to 3 minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsc_kedro import runtime  # noqa: E402

runtime.start_backend()

import keras  # noqa: E402

from avsc_kedro.models.visual import with_lean_layers  # noqa: E402
from avsc_kedro.workers import keep_freed_memory  # noqa: E402

RELATIVE_TOLERANCE = 1e-4


class Line(NamedTuple):
    """One row: milliseconds an image in both networks, and stock over ours."""

    what: str
    stock_ms: float
    ours_ms: float
    ratio: float


def build_pair(size_px: int, *, seed: int = 0) -> tuple[keras.Model, keras.Model]:
    """Return the stock network and its twin with lean layers."""
    keras.utils.set_random_seed(seed)
    stock = keras.applications.ConvNeXtTiny(
        include_top=False, weights=None, input_shape=(size_px, size_px, 3), pooling="avg"
    )
    rng = np.random.default_rng(seed)
    for variable in stock.variables:
        spread = 1 / np.sqrt(max(1, np.prod(variable.shape[:-1])))
        if "layer_scale" in variable.path or "gamma" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif "normalization" not in variable.path:
            variable.assign(rng.normal(0, spread, variable.shape))
    return stock, with_lean_layers(stock)


def largest_difference(stock: keras.Model, ours: keras.Model, pictures: np.ndarray) -> float:
    """Return the largest difference of the outputs, relative to the largest output."""
    expected, found = (np.asarray(model(pictures, training=False)) for model in (stock, ours))
    return float(np.abs(expected - found).max() / np.abs(expected).max())


def measure(size_px: int, images: int, train_images: int, repeats: int) -> list[Line]:
    """Measure inference and training steps.

    Raises:
        AssertionError: If the networks do not say the same.
    """
    stock, ours = build_pair(size_px)
    pictures = np.random.default_rng(1).uniform(0, 255, (images, size_px, size_px, 3))
    pictures = pictures.astype(np.float32)
    difference = largest_difference(stock, ours, pictures[:2])
    assert difference < RELATIVE_TOLERANCE, difference
    print(f"largest difference relative to the largest output: {difference:.1e}", file=sys.stderr)
    few = pictures[:train_images]
    bound = "inference, if nothing but the Dense layers' products took time"
    return [
        compare("inference", stock.predict_on_batch, ours.predict_on_batch, pictures, repeats),
        compare(bound, stock.predict_on_batch, dense_products(stock, images), pictures, repeats),
        compare("training step", training_step(stock), training_step(ours), few, repeats),
    ]


def dense_products(model: keras.Model, images: int):
    """Return a function that computes the matrix products of the Dense layers and nothing else."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return keras.ops.convert_to_tensor(rng.normal(size=shape).astype(np.float32))

    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    factors = []
    for layer in dense:
        *pixels, channels = layer.input.shape[1:]
        factors.append((draw(images * np.prod(pixels), channels), draw(*layer.kernel.shape)))

    def compute(_):
        for rows, kernel in factors:
            keras.ops.matmul(rows, kernel)

    return compute


def training_step(model: keras.Model):
    """Return a function that trains on a batch once."""
    model.compile(optimizer=keras.optimizers.Adam(1e-6), loss="mse", jit_compile=False)
    return lambda pictures: model.train_on_batch(pictures, np.zeros((len(pictures), 768)))


def compare(what: str, stock, ours, pictures: np.ndarray, repeats: int) -> Line:
    """Time both in turns, after one call that does not count."""
    taken: dict[str, list[float]] = {"stock": [], "ours": []}
    for _ in range(repeats + 1):
        for name, call in (("stock", stock), ("ours", ours)):
            began = time.perf_counter()
            call(pictures)
            taken[name].append(1000 * (time.perf_counter() - began) / len(pictures))
    counted = {name: times[1:] for name, times in taken.items()}
    ratio = median(s / o for s, o in zip(counted["stock"], counted["ours"], strict=True))
    return Line(what, median(counted["stock"]), median(counted["ours"]), ratio)


def table(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [
        f"| {line.what} | {line.stock_ms:.0f} | {line.ours_ms:.0f} | {line.ratio:.1f} |"
        for line in lines
    ]
    head = [
        "| | stock, ms an image | ours, ms an image | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--train-images", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep-memory", action="store_true", help="in both, as runs do")
    chosen = parser.parse_args()
    if chosen.keep_memory:
        keep_freed_memory()
    print(table(measure(chosen.size, chosen.images, chosen.train_images, chosen.repeats)))


if __name__ == "__main__":
    main()
