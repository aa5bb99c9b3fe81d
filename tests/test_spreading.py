"""One training on two devices, against the same on one.

Two virtual CPUs stand for two GPUs: TensorFlow treats them alike. Each training has a
process of its own, since a CPU is divided once.
"""

import sys

import pytest

from avsc_kedro import runtime
from avsc_kedro.errors import InputError
from tests.conftest import run_script

STEPS = 20
# One step an epoch, so that the history is the loss curve.
TRAIN = """
import json, sys
from functools import partial
from avsc_kedro import runtime
runtime.start_backend(threads=1)
import keras, numpy as np
from avsc_kedro.models.backbone import build_audio_backbone
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.feeds import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import (
    AudioBackboneOptions, ComputeOptions, MixupOptions, TrainingOptions
)
from avsc_kedro.paper import BRANCHES

devices, steps = map(int, sys.argv[1:])
options = TrainingOptions(
    epochs=steps, batch_size=16, learning_rate=1e-4, l2_lambda=1e-2,
    mixup=MixupOptions(distribution="beta"),
)
narrow = AudioBackboneOptions(
    widths=(8, 8, 8, 8), training=options, batch_norm_momentum=0.9, head_dropout=0
)
ones = np.ones(6, np.float32)


def build():
    network = build_audio_backbone(
        BRANCHES[0], narrow, input_shape=(32, 33, 2), classes=3,
        mean=-40 * ones, variance=400 * ones,
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0  # each device draws for itself
    return network


rows = np.random.default_rng(0).normal(-40, 20, (16, 32, 33, 2)).astype(np.float32)
labelled = LabelledSamples(SpectrogramSamples(rows), np.arange(16) % 3)
trained = train(
    build, labelled, None, options=options, classes=3, seed=0, title="t",
    compute=ComputeOptions(devices=devices), placement=partial(runtime.spread_over, devices),
)
norms = [layer for layer in trained.network.layers if hasattr(layer, "synchronized")]
import tensorflow as tf
print(json.dumps({
    "losses": [row["loss"] for row in trained.history],
    "devices": len(tf.config.list_logical_devices("CPU")),
    "synchronised": [layer.synchronized for layer in norms],
}))
"""


def train_on(devices):
    return run_script(TRAIN, devices, STEPS, AVSC_VIRTUAL_CPUS=str(devices))


def test_two_devices_have_the_loss_curve_of_one():
    one, two = train_on(1), train_on(2)
    assert (one["devices"], two["devices"]) == (1, 2)
    assert len(one["losses"]) == STEPS
    assert one["losses"][-1] < 0.99 * one["losses"][0]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
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
