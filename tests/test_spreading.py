"""One training on two devices, against the same on one.

Two virtual CPUs stand for two GPUs: TensorFlow treats them alike. Both trainings run in a
process apart from the tests', since a CPU is divided once, before its first work.
"""

import sys

import pytest

from avsc_kedro import runtime
from avsc_kedro.errors import InputError
from tests.conftest import run_script

EPOCHS, STEPS = 4, 20
# Prints for each training the loss of each step, and on how many devices it ran.
TRAIN = """
import json, sys
from functools import partial
from avsc_kedro import runtime
runtime.start_backend(threads=1)
import keras, numpy as np, tensorflow as tf
from keras import layers
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.freezing import batch_norms
from avsc_kedro.models.observers import StepWatch
from avsc_kedro.models.training import train
from avsc_kedro.options import ComputeOptions, MixupOptions, TrainingOptions

epochs, steps = map(int, sys.argv[1:])
clips, means, replicas = 16 * steps // epochs, [], set()
show_step = StepWatch.on_train_batch_end
options = TrainingOptions(
    epochs=epochs, batch_size=16, learning_rate=1e-3, l2_lambda=1e-2,
    mixup=MixupOptions(distribution="beta"),
)


def note_step(watch, batch, logs):
    means.append(float(logs["loss"]))  # over the epoch's steps so far
    show_step(watch, batch, logs)


StepWatch.on_train_batch_end = note_step


def loss_of_each_step():
    sums = (np.reshape(means, (epochs, -1)) * np.arange(1, steps // epochs + 1)).tolist()
    return [b - a for row in sums for a, b in zip([0.0, *row], row)]


def build():
    replicas.add(tf.distribute.get_strategy().num_replicas_in_sync)
    # Without dropout: each device would draw for itself.
    inputs = x = keras.Input((32, 33, 2))
    for width in (8, 16):
        x = layers.Conv2D(width, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x), name="small")


rows = np.random.default_rng(0).normal(0, 1, (clips, 32, 33, 2)).astype(np.float32)
labelled = LabelledSamples(SpectrogramSamples(rows), np.arange(clips) % 3)
validation = LabelledSamples(SpectrogramSamples(rows[:6] + 0.1), np.arange(6) % 3)


def train_on(devices):
    means.clear()
    replicas.clear()
    trained = train(
        build, labelled, validation, options=options, classes=3, seed=0, title="t",
        compute=ComputeOptions(devices=devices), placement=partial(runtime.spread_over, devices),
    )
    return {
        "losses": loss_of_each_step(),
        "replicas": list(replicas),
        "validation": [row["val_loss"] for row in trained.history],
        "best_epoch": trained.best_epoch,
        "synchronised": [layer.synchronized for layer in batch_norms(trained.network)],
    }


# Two first: a CPU is divided before its first work.
print(json.dumps({"two": train_on(2), "one": train_on(1)}))
"""


def test_two_devices_have_the_loss_curve_of_one():
    told = run_script(TRAIN, EPOCHS, STEPS, AVSC_VIRTUAL_CPUS="2")
    one, two = told["one"], told["two"]
    assert (one["replicas"], two["replicas"]) == ([1], [2])
    assert len(one["losses"]) == STEPS
    assert one["losses"][-1] < 0.99 * one["losses"][0]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert two["validation"] == pytest.approx(one["validation"], rel=1e-3)
    assert two["best_epoch"] == one["best_epoch"]
    assert not any(two["synchronised"])  # what is kept works on any number of devices


def test_more_devices_than_there_are_are_refused():
    with (
        pytest.raises(InputError, match=r"Expected 7 devices.*Received 1: .*CPU:0"),
        runtime.spread_over(7),
    ):
        pass


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=jax"), runtime.spread_over(2):
        pass


def test_one_device_asks_for_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with runtime.spread_over(1):
        pass
