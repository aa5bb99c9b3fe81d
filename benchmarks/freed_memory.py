"""What it saves that a training keeps the memory it frees (glibc; nothing elsewhere).

    python benchmarks/freed_memory.py
    python benchmarks/freed_memory.py --steps 20 --batch 16 --repeats 5

Each training has a process of its own and one core, as in a run; the two ways take turns. A
ratio is the median over the rounds. 2 cores: 10 minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsc_kedro import runtime  # noqa: E402
from avsc_kedro.workers import keep_freed_memory  # noqa: E402

FRAME = (96, 96, 3)
SPECTROGRAM = (64, 309, 2)
NETWORKS = ("InceptionV3", "ConvNeXtTiny", "residual-inception")


class Line(NamedTuple):
    """One row: processor milliseconds a step, memory handed back and kept, and their ratio."""

    network: str
    handed_back_ms: float
    kept_ms: float
    ratio: float


def build(name: str):
    """Return one of NETWORKS up to its pooling, and the shape of what it takes."""
    from avsc_kedro.models.residual_inception import build_residual_inception
    from avsc_kedro.models.visual import build_convnext_tiny, build_inception_v3

    if name == "InceptionV3":
        return build_inception_v3(FRAME, weights="none"), FRAME
    if name == "ConvNeXtTiny":
        return build_convnext_tiny(FRAME, weights="none"), FRAME
    zeros, ones = np.zeros(6), np.ones(6)
    network = build_residual_inception(
        SPECTROGRAM, widths=(8, 16, 32, 64), mean=zeros, variance=ones, residual_normalisation=True
    )
    return network, SPECTROGRAM


def train(name: str, *, keep: bool, steps: int, batch: int) -> float:
    """Return the processor time of a training step in this process, in milliseconds."""
    if keep:
        keep_freed_memory()
    runtime.start_backend(threads=1)
    import keras

    network, shape = build(name)
    network.compile(optimizer=keras.optimizers.Adam(1e-6), loss="mse", jit_compile=False)
    rng = np.random.default_rng(0)
    samples = rng.uniform(0, 1, (batch, *shape)).astype(np.float32)
    targets = np.zeros((batch, network.output_shape[-1]), np.float32)
    for _ in range(2):
        network.train_on_batch(samples, targets)
    began = time.process_time()
    for _ in range(steps):
        network.train_on_batch(samples, targets)
    return 1000 * (time.process_time() - began) / steps


def train_in_a_process(name: str, way: str, *, steps: int, batch: int) -> float:
    """Return what `train` says in a process of its own."""
    sizes = ["--steps", str(steps), "--batch", str(batch)]
    command = [sys.executable, __file__, "--child", name, way, *sizes]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(networks, *, steps: int, batch: int, repeats: int) -> list[Line]:
    """Measure each network, the two ways in turns."""
    lines = []
    for name in networks:
        rounds = [
            [train_in_a_process(name, way, steps=steps, batch=batch) for way in ("give", "keep")]
            for _ in range(repeats)
        ]
        handed_back, kept = zip(*rounds, strict=True)
        ratio = median(a / b for a, b in rounds)
        lines.append(Line(name, median(handed_back), median(kept), ratio))
    return lines


def table(lines: list[Line]) -> str:
    """Return the lines as a Markdown table."""
    rows = [
        f"| {line.network} | {line.handed_back_ms:.0f} | {line.kept_ms:.0f} | {line.ratio:.2f} |"
        for line in lines
    ]
    head = [
        "| | handed back, ms a step | kept, ms a step | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    return "\n".join([*head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sizes = {"steps": chosen.steps, "batch": chosen.batch}
    if chosen.child:
        name, way = chosen.child
        print(json.dumps(train(name, keep=way == "keep", **sizes)))
    else:
        print(table(measure(NETWORKS, repeats=chosen.repeats, **sizes)))


if __name__ == "__main__":
    main()
