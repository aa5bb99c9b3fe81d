"""The same training steps on Keras' JAX backend as on TensorFlow, from the same weights."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Prints the losses of five steps of each kind of network, and how their outputs end.
TRAIN = """
import json, sys
import keras, numpy as np
from avsc_kedro.models import training
from avsc_kedro.models.backbone import build_audio_backbone, build_visual_backbone, embedding_model
from avsc_kedro.models.feeds import FrameSamples, SpectrogramSamples
from avsc_kedro.options import (
    AudioBackboneOptions, MixupOptions, TrainingOptions, VisualBackboneOptions,
)
from avsc_kedro.paper import BRANCHES

rng = np.random.default_rng(0)
options = TrainingOptions(
    epochs=1, batch_size=2, learning_rate=1e-3, warmup_epochs=0.5, schedule="cosine",
    l2_lambda=1e-3, mixup=MixupOptions(distribution="beta"),
)
branches = {branch.name: branch for branch in BRANCHES}
shared = {"training": options, "batch_norm_momentum": 0.9, "head_dropout": 0.0}


def audio():
    narrow = AudioBackboneOptions(widths=(8, 8, 8, 8), **shared)
    ones = np.ones(6, np.float32)
    return build_audio_backbone(
        branches["aud_mel"], narrow, input_shape=(16, 17, 2), classes=3, mean=ones, variance=ones
    )


def visual():
    random = VisualBackboneOptions(weights="none", frames_per_clip=1, **shared)
    return build_visual_backbone(
        branches["vis_conv"], random, input_shape=(32, 32, 3), classes=3
    )


def give_weights(network):
    # Backends draw other random numbers: these are NumPy's.
    weights = np.random.default_rng(1)
    for variable in network.trainable_variables:
        scale = 0.5 / np.sqrt(max(1, np.prod(variable.shape[:-1])))
        drawn = weights.uniform(-scale, scale, variable.shape)
        variable.assign(drawn + (1 if "gamma" in variable.path else 0))


def losses(build, rows, samples):
    network = build()
    give_weights(network)
    trainer = training._compile(network, options, steps=5)
    feed = training._feed(
        training.LabelledSamples(samples(rows), np.arange(len(rows)) % 3), options, 3, 0
    )
    done = [trainer.train_on_batch(*feed[step], return_dict=True) for step in range(5)]
    outputs = embedding_model(network)(samples(rows[:2]).take(np.arange(2), None), training=False)
    ends = {name: np.asarray(value).ravel()[:3].tolist() for name, value in outputs.items()}
    return {"losses": [float(step["loss"]) for step in done], **ends}


spectrograms = rng.normal(-40, 20, (10, 16, 17, 2)).astype(np.float32)
pictures = rng.integers(0, 256, (10, 1, 32, 32, 3), np.uint8)
print(json.dumps({
    "backend": keras.backend.backend(),
    "tensorflow": "tensorflow" in sys.modules,
    "audio": losses(audio, spectrograms, SpectrogramSamples),
    "visual": losses(visual, pictures, lambda rows: FrameSamples(rows, 1)),
}))
"""


def train_on(backend):
    done = subprocess.run(
        [sys.executable, "-c", TRAIN],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": "src"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_jax_trains_as_tensorflow_does():
    ours, other = train_on("tensorflow"), train_on("jax")
    assert (ours["backend"], other["backend"]) == ("tensorflow", "jax")
    assert other["tensorflow"] is False
    for network in ("audio", "visual"):
        assert len(ours[network]["losses"]) == 5
        for name, values in ours[network].items():
            assert other[network][name] == pytest.approx(values, rel=2e-3, abs=2e-4), name
