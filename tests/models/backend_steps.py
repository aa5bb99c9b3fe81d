"""Training steps on whichever backend Keras has, as plain numbers."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from avsc_kedro.models.backbone import build_audio_backbone, embedding_model
from avsc_kedro.models.checkpoints import Checkpoints
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.optimiser import compile_training
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import AudioBackboneOptions, ComputeOptions, MixupOptions, TrainingOptions
from avsc_kedro.paper import BRANCHES

CLASSES = 3
OPTIONS = TrainingOptions(
    epochs=1,
    batch_size=2,
    learning_rate=1e-4,
    warmup_epochs=0.5,
    schedule="cosine",
    l2_lambda=1e-3,
    mixup=MixupOptions(distribution="beta"),
)


def measure() -> dict:
    """Return losses and outputs of an audio network, and the history of a small one's training."""
    rng = np.random.default_rng(0)
    spectrograms = rng.normal(-40, 20, (10, 16, 17, 2)).astype(np.float32)
    points = rng.normal(0, 1, (20, 4)).astype(np.float32)
    return {
        "backend": keras.backend.backend(),
        "tensorflow": "tensorflow" in sys.modules,
        "audio": three_steps(build_audio(), spectrograms),
        "training": whole_training(points),
    }


def build_audio() -> keras.Model:
    options = AudioBackboneOptions(
        widths=(8, 8, 8, 8), training=OPTIONS, batch_norm_momentum=0.9, head_dropout=0.0
    )
    ones = np.ones(6, np.float32)
    return build_audio_backbone(
        BRANCHES[0], options, input_shape=(16, 17, 2), classes=CLASSES, mean=ones, variance=ones
    )


def build_small() -> keras.Model:
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(8)(inputs))
    outputs = keras.layers.Dense(CLASSES, activation="softmax")(x)
    return with_known_weights(keras.Model(inputs, outputs, name="small"))


def with_known_weights(network: keras.Model) -> keras.Model:
    """Backends draw other random numbers: these are NumPy's, and nothing is dropped."""
    weights = np.random.default_rng(1)
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0
    for variable in network.trainable_variables:
        scale = 0.5 / np.sqrt(max(1, np.prod(variable.shape[:-1])))
        drawn = weights.uniform(-scale, scale, variable.shape)
        variable.assign(drawn + (1 if "gamma" in variable.path else 0))
    return network


def three_steps(network: keras.Model, rows: np.ndarray) -> dict:
    with_known_weights(network)
    trainer = compile_training(network, OPTIONS, ComputeOptions(), steps=3)
    if keras.backend.backend() == "tensorflow":
        trainer.run_eagerly = True  # tracing takes longer than three steps
    samples = SpectrogramSamples(rows)
    feed = Feed(
        samples,
        np.arange(len(rows)) % CLASSES,
        classes=CLASSES,
        batch_size=OPTIONS.batch_size,
        mixup_options=OPTIONS.mixup,
        seed=0,
    )
    done = [trainer.train_on_batch(*feed[step], return_dict=True) for step in range(3)]
    outputs = embedding_model(network)(samples.take(np.arange(2), None), training=False)
    ends = {name: np.asarray(value).ravel()[:3].tolist() for name, value in outputs.items()}
    return {"losses": [float(step["loss"]) for step in done], **ends}


def whole_training(points: np.ndarray) -> dict:
    train_set, validation_set, refit_set = (
        LabelledSamples(SpectrogramSamples(points[part]), np.arange(len(points[part])) % CLASSES)
        for part in (slice(12), slice(12, 20), slice(20))
    )
    with tempfile.TemporaryDirectory() as folder:
        trained = train(
            build_small,
            train_set,
            validation_set,
            refit_set,
            classes=CLASSES,
            seed=0,
            title="small",
            options=OPTIONS.model_copy(update={"epochs": 3}),
            checkpoints=Checkpoints(Path(folder)),
        )
    rows = trained.history
    return {
        "stages": [row["stage"] for row in rows],
        "losses": [row["loss"] for row in rows],
        "validation": [row["val_loss"] for row in rows if row["stage"] == "train"],
    }
