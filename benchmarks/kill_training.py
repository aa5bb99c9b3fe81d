"""A training killed at random moments, against one that nothing interrupts.

    python benchmarks/kill_training.py --kills 20

A small network with dropout and batch normalisation is trained on made-up clips:
mixup, warm-up, a cosine, the best epoch, the refit. One process runs through; others
are ended by SIGKILL, one after the other, until one reaches the end. Weights must be
equal byte for byte, and so must the history apart from its seconds; no kill may cost
more than the epoch under way, and one at least must come in time. The exit status says
whether all that holds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from avsc_kedro import progress, runtime
from avsc_kedro.options import MixupOptions, TrainingOptions

CLASSES = 4
POINTS = 40  # numbers in a clip
TITLES = ("kill", "kill (refit)")
EPOCHS = 24
OPTIONS = TrainingOptions(
    epochs=EPOCHS,
    batch_size=16,
    learning_rate=0.001,
    schedule="cosine",
    warmup_epochs=2,
    l2_lambda=2e-5,
    mixup=MixupOptions(distribution="beta"),
)
STEPS_PER_EPOCH = 18  # about what an epoch takes with its share of the refit
START_S = 5.0  # about what a process needs before its first step
JITTER_S = 0.2  # about what an epoch takes


class Step(NamedTuple):
    """A training step: which of the two stages, and the epoch from 1."""

    stage: int
    epoch: int


class Outcome(NamedTuple):
    """What the killed training came to."""

    kills: int
    while_writing: int
    steps_needed: int
    steps_computed: int
    most_epochs_redone: int
    same_weights: bool
    same_history: bool
    seconds: float

    @property
    def passed(self) -> bool:
        same = self.same_weights and self.same_history
        return same and self.kills > 0 and self.most_epochs_redone <= 1


def main() -> None:
    """Kill, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--train-in", type=Path, help=argparse.SUPPRESS)  # a process to kill
    arguments = parser.parse_args()
    if arguments.train_in:
        train_in(arguments.train_in, epochs=arguments.epochs)
        return
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_and_compare(
            Path(folder), kills=arguments.kills, seed=arguments.seed, epochs=arguments.epochs
        )
    for name, value in outcome._asdict().items():
        print(f"{name.replace('_', ' ')}: {value}")
    sys.exit(not outcome.passed)


def kill_and_compare(folder: Path, *, kills: int, seed: int, epochs: int = EPOCHS) -> Outcome:
    """Train once without and once with kills, and compare.

    Args:
        folder: An empty folder.
        kills: How often a process is killed, at most: the last ones may come too late.
        seed: Of the moments.
        epochs: Of the training, without the refit.
    """
    started = time.perf_counter()
    steps_each = STEPS_PER_EPOCH * epochs / (kills + 1)
    rng = np.random.default_rng(seed)
    whole, killed = folder / "whole", folder / "killed"
    uninterrupted = start_training(whole, epochs)
    runs, while_writing = [], 0
    while len(runs) < kills and kill(start_training(killed, epochs), killed, rng, steps_each):
        runs.append(take_steps(killed))
        while_writing += any((killed / "checkpoints").rglob(".*.npz"))
    finish(start_training(killed, epochs))
    runs.append(take_steps(killed))
    finish(uninterrupted)
    arrays, history = read_result(killed)
    expected_arrays, expected_history = read_result(whole)
    return Outcome(
        kills=len(runs) - 1,
        while_writing=while_writing,
        steps_needed=len(take_steps(whole)),
        steps_computed=sum(map(len, runs)),
        most_epochs_redone=most_epochs_redone(runs),
        same_weights=arrays == expected_arrays,
        same_history=history == expected_history,
        seconds=round(time.perf_counter() - started, 1),
    )


def start_training(folder: Path, epochs: int) -> subprocess.Popen:
    """Start a fresh process that trains with its checkpoints in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--epochs", str(epochs), "--train-in", str(folder)]
    with open(folder / "output.txt", "a") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen) -> None:
    """Wait for a training that is left alone."""
    if process.wait():
        output = Path(process.args[-1], "output.txt").read_text()
        raise RuntimeError(f"A training failed:\n{output[-2000:]}")


def kill(
    process: subprocess.Popen, folder: Path, rng: np.random.Generator, steps_each: float
) -> bool:
    """Kill a training at a random moment; False if it came to its end before.

    Args:
        process: The training.
        folder: Its folder.
        rng: Draws the moment: one time in ten during the start, else after some steps.
        steps_each: How many steps on average.
    """
    if rng.random() < 0.1:
        time.sleep(rng.uniform(0, START_S))
    else:
        steps = rng.uniform(0, 2 * steps_each)
        while process.poll() is None and len(read_steps(folder)) < steps:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, JITTER_S))
    process.kill()
    return process.wait() != 0


def most_epochs_redone(runs: list[list[Step]]) -> int:
    """Return how many epochs at most a process did again that another had begun."""
    redone = [0]
    begun: list[Step] = []
    for run in runs:
        redone.append(len({step for step in begun if run and step >= run[0]}))
        begun = sorted({*begun, *run})
    return max(redone)


def take_steps(folder: Path) -> list[Step]:
    """Return the steps of the process that ended, and make room for the next one's."""
    steps = read_steps(folder)
    (folder / "steps.txt").unlink(missing_ok=True)
    return steps


def read_steps(folder: Path) -> list[Step]:
    """Return the steps that a process has done so far."""
    path = folder / "steps.txt"
    text = path.read_text() if path.exists() else ""
    return [Step(*map(int, line.split())) for line in text.splitlines()]


def read_result(folder: Path) -> tuple[dict[str, bytes], list[dict]]:
    """Return all variables of the network as bytes, and the history without its seconds."""
    with np.load(folder / "network.npz") as file:
        arrays = {name: file[name].tobytes() for name in file}
    history = json.loads((folder / "history.json").read_text(), parse_constant=str)
    return arrays, [{**row, "seconds": None} for row in history]


def train_in(folder: Path, *, epochs: int) -> None:
    """Train, or go on training, and leave the network and its history in `folder`."""
    runtime.start_backend(threads=1)
    from avsc_kedro.models.checkpoints import Checkpoints
    from avsc_kedro.models.training import train

    progress.relay_to(StepFile(folder / "steps.txt"))
    trained = train(
        build,
        labelled(made_up_clips(0)),
        labelled(made_up_clips(1)),
        labelled(made_up_clips(0, 1)),
        options=OPTIONS.model_copy(update={"epochs": epochs}),
        classes=CLASSES,
        seed=3,
        title=TITLES[0],
        checkpoints=Checkpoints(folder / "checkpoints"),
        made_from="made-up clips",
    )
    arrays = {variable.path: np.asarray(variable) for variable in trained.network.variables}
    np.savez(folder / "network.npz", **{name.replace("/", "."): a for name, a in arrays.items()})
    (folder / "history.json").write_text(json.dumps(trained.history))


def build():
    """Build the network; its checkpoints have 5 MB, so that kills also hit their writing."""
    import keras

    inputs = keras.Input((POINTS,))
    x = keras.layers.Dense(512, activation="relu")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dense(512, activation="relu")(x)
    x = keras.layers.Dropout(0.3)(x)
    return keras.Model(inputs, keras.layers.Dense(CLASSES, activation="softmax")(x), name="kill")


def made_up_clips(*seeds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 128 noisy clips a seed and their classes, too alike to be told apart well."""
    rngs = [np.random.default_rng(seed) for seed in seeds]
    labels = np.concatenate([rng.integers(0, CLASSES, 128) for rng in rngs])
    noise = np.concatenate([rng.normal(0, 1, (128, POINTS)) for rng in rngs])
    return (noise + 1.5 * np.eye(CLASSES, POINTS)[labels]).astype(np.float32), labels


def labelled(clips):
    """Return clips as a training takes them."""
    from avsc_kedro.models.course import LabelledSamples
    from avsc_kedro.models.samples import SpectrogramSamples

    return LabelledSamples(SpectrogramSamples(clips[0]), clips[1])


class StepFile:
    """In the place of a progress queue: keeps a line of every step, also of a killed process."""

    def __init__(self, path: Path):
        self._descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self._stages: dict[str, int] = {}

    def put_nowait(self, event) -> None:
        if getattr(event, "part_of", None):
            return  # an epoch's own bar
        if hasattr(event, "description"):
            self._stages[event.key] = TITLES.index(event.description)
        elif event.key in self._stages and "loss" in getattr(event, "fields", {}):
            line = f"{self._stages[event.key]} {event.fields['epoch']}\n"
            os.write(self._descriptor, line.encode())


if __name__ == "__main__":
    main()
