"""The same training steps on Keras' JAX backend as on TensorFlow, from the same weights.

An audio network has every kind of layer of our own; the visual ones take minutes to compile.
JAX compiles its steps; TensorFlow runs those of the audio network untraced, which is quicker.
"""

import pytest

from tests.conftest import run_script

# Compiling is most of the time of three steps.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
# Prints the losses of three steps, what the network says then, and a small network's history.
TRAIN = """
import json, sys, tempfile
from pathlib import Path
import keras, numpy as np
from avsc_kedro.models.backbone import build_audio_backbone, embedding_model
from avsc_kedro.models.checkpoints import Checkpoints
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.models.optimiser import compile_training
from avsc_kedro.options import (
    AudioBackboneOptions, ComputeOptions, MixupOptions, TrainingOptions
)
from avsc_kedro.paper import BRANCHES

rng = np.random.default_rng(0)
options = TrainingOptions(
    epochs=1, batch_size=2, learning_rate=1e-4, warmup_epochs=0.5, schedule="cosine",
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


def give_weights(network):
    # Backends draw other random numbers: these are NumPy's, and nothing is dropped.
    weights = np.random.default_rng(1)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    for variable in network.trainable_variables:
        scale = 0.5 / np.sqrt(max(1, np.prod(variable.shape[:-1])))
        drawn = weights.uniform(-scale, scale, variable.shape)
        variable.assign(drawn + (1 if "gamma" in variable.path else 0))


def losses(build, rows, samples):
    network = build()
    give_weights(network)
    trainer = compile_training(network, options, ComputeOptions(), steps=3)
    if keras.backend.backend() == "tensorflow":
        trainer.run_eagerly = True  # tracing takes longer than three steps
    feed = Feed(
        samples(rows), np.arange(len(rows)) % 3, classes=3, batch_size=options.batch_size,
        mixup_options=options.mixup, seed=0,
    )
    done = [trainer.train_on_batch(*feed[step], return_dict=True) for step in range(3)]
    outputs = embedding_model(network)(samples(rows[:2]).take(np.arange(2), None), training=False)
    ends = {name: np.asarray(value).ravel()[:3].tolist() for name, value in outputs.items()}
    return {"losses": [float(step["loss"]) for step in done], **ends}


def small():
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x), name="small")
    give_weights(network)
    return network


def whole_training():
    points = rng.normal(0, 1, (20, 4)).astype(np.float32)
    train_set, validation_set, refit_set = (
        LabelledSamples(SpectrogramSamples(points[part]), np.arange(len(points[part])) % 3)
        for part in (slice(12), slice(12, 20), slice(20))
    )
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            small, train_set, validation_set, refit_set, classes=3, seed=0, title="small",
            options=options.model_copy(update={"epochs": 3}),
            checkpoints=Checkpoints(Path(folder)),
        )
    rows = trained.history
    return {
        "stages": [row["stage"] for row in rows],
        "losses": [row["loss"] for row in rows],
        "validation": [row["val_loss"] for row in rows if row["stage"] == "train"],
    }


spectrograms = rng.normal(-40, 20, (10, 16, 17, 2)).astype(np.float32)
print(json.dumps({
    "backend": keras.backend.backend(),
    "tensorflow": "tensorflow" in sys.modules,
    "audio": losses(audio, spectrograms, SpectrogramSamples),
    "training": whole_training(),
}))
"""


def train_on(backend):
    return run_script(TRAIN, KERAS_BACKEND=backend, JAX_PLATFORMS="cpu", XLA_FLAGS=QUICK)


def test_jax_trains_as_tensorflow_does():
    ours, other = train_on("tensorflow"), train_on("jax")
    assert (ours["backend"], other["backend"]) == ("tensorflow", "jax")
    assert other["tensorflow"] is False
    assert len(ours["audio"]["losses"]) == 3
    for name, values in ours["audio"].items():
        assert other["audio"][name] == pytest.approx(values, rel=2e-3, abs=2e-4), name
    ours, other = ours["training"], other["training"]
    assert other["stages"] == ours["stages"]
    assert {*ours["stages"]} == {"train", "refit"}
    for name in ("losses", "validation"):
        assert other[name] == pytest.approx(ours[name], rel=1e-3), name
