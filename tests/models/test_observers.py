from types import SimpleNamespace

import keras
import numpy as np
import pytest

from avsc_kedro.models import observers
from avsc_kedro.models.observers import EpochSaver, StepWatch, event_logs


@pytest.mark.parametrize(
    ("every", "saved"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])]
)
def test_a_checkpoint_is_saved_every_few_epochs_and_after_the_last(every, saved):
    epochs = []
    checkpoints = SimpleNamespace(save=lambda stage, state: epochs.append(state))
    logbook = SimpleNamespace(state=lambda: epoch + 1, is_enough=False)
    saver = EpochSaver(logbook, checkpoints, "train", every)
    saver.set_params({"epochs": 5})
    for epoch in range(5):
        saver.on_epoch_end(epoch)
    assert epochs == saved


def test_a_checkpoint_is_saved_where_a_training_stops_early():
    epochs = []
    checkpoints = SimpleNamespace(save=lambda stage, state: epochs.append(state))
    logbook = SimpleNamespace(state=lambda: 3, is_enough=True)
    saver = EpochSaver(logbook, checkpoints, "train", every=5)
    saver.set_params({"epochs": 9})
    saver.on_epoch_end(2)
    assert epochs == [3]


class Line:
    """A progress line that keeps what it and its parts are told."""

    def __init__(self, told, name="training"):
        self.told, self.name = told, name

    def advance(self, n, **fields):
        self.told.append((self.name, n, fields))

    def part(self, total, title, *, unit):
        self.told.append((title, total, "opened"))
        return Line(self.told, title)

    def close(self):
        self.told.append((self.name, 0, "closed"))


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(s=0.0)
    monkeypatch.setattr(observers.time, "monotonic", lambda: now.s)
    return now


@pytest.fixture
def watch():
    watch = StepWatch(Line([]))
    watch.set_params({"epochs": 9, "steps": 20})
    return watch


def test_an_epoch_has_a_bar_of_its_own_within_the_training_s(watch):
    watch.on_epoch_begin(2)
    watch.on_train_batch_end(0, {"loss": 0.5, "accuracy": 0.25})
    watch.on_epoch_end(2, {"loss": 0.5, "accuracy": 0.25, "val_loss": 0.75})
    epoch = "epoch 3 of 9"
    assert watch._line.told == [
        (epoch, 20, "opened"),
        ("training", 1, {"epoch": 3, "loss": 0.5}),
        (epoch, 1, {"accuracy": 0.25, "loss": 0.5}),
        ("training", 0, {"accuracy": 0.25, "val_loss": 0.75}),
        (epoch, 0, {"val_loss": 0.75}),
        (epoch, 0, "closed"),
    ]


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, 1), (1.0, 3)])
def test_epochs_too_short_to_be_read_have_none(watch, clock, seconds, shown):
    for epoch in range(3):
        watch.on_epoch_begin(epoch)
        clock.s += seconds
        watch.on_epoch_end(epoch, {})
    assert sum(entry[-1] == "opened" for entry in watch._line.told) == shown


def test_tensorboard_notes_every_epoch_of_the_latest_training(tmp_path):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")

    def fit(epochs, **changes):
        logs = event_logs(tmp_path / "train", **changes)
        network.fit(np.ones((2, 2)), np.ones(2), epochs=epochs, verbose=0, callbacks=[logs])

    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "older").touch()
    fit(2, goes_on=False)
    assert not (tmp_path / "train" / "older").exists()
    assert epochs_noted(tmp_path / "train") == [0, 1]
    fit(1, goes_on=True)
    assert len(epochs_noted(tmp_path / "train")) == 3


def epochs_noted(folder):
    """Return the epochs of which the loss of training was noted."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    steps = []
    for path in sorted(folder.rglob("events.out.*")):
        found = EventAccumulator(str(path)).Reload()
        if "epoch_loss" in found.Tags()["tensors"]:
            steps += [event.step for event in found.Tensors("epoch_loss")]
    return steps
