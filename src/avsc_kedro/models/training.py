"""Train one network on a feed: Adam on equation 4, best epoch by validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from avsc_kedro import progress
from avsc_kedro.models.feeds import Feed, Samples
from avsc_kedro.models.losses import RegularisedNetwork
from avsc_kedro.options import TrainingOptions


class LabelledSamples(NamedTuple):
    """Samples of some clips and the class of each clip."""

    samples: Samples
    labels: np.ndarray


class Trained(NamedTuple):
    """A trained network, one history row per epoch, and the epoch it was taken from."""

    network: keras.Model
    history: list[dict[str, float | str]]
    best_epoch: int


def seed_everything(seed: int) -> None:
    """Start from a clean Keras state, so that the same seed gives the same weights."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def train(
    build: Callable[[], keras.Model],
    train_set: LabelledSamples,
    validation_set: LabelledSamples | None,
    *,
    options: TrainingOptions,
    classes: int,
    seed: int,
    title: str,
) -> Trained:
    """Train a freshly built network and keep the epoch with the lowest validation loss.

    Without a validation set the last epoch is kept.

    Args:
        build: Makes the untrained network.
        train_set: Samples to train on.
        validation_set: Samples that choose the epoch, or None.
        options: Epochs, batch size, Adam, L2 and mixup.
        classes: Number of classes.
        seed: Of the weights, the order, the mixing and the dropout.
        title: What the progress line is called.

    Raises:
        FloatingPointError: If the loss is not a finite number.
    """
    seed_everything(seed)
    network = build()
    feed = _feed(train_set, options, classes, seed)
    steps = len(feed) * options.epochs
    trainer = _compile(network, options, steps=steps)
    best = keras.callbacks.EarlyStopping(
        "val_loss", patience=options.epochs, restore_best_weights=True
    )
    with progress.track(steps, title, unit="steps") as line:
        recorder = _Recorder(title, line)
        trainer.fit(
            feed,
            epochs=options.epochs,
            validation_data=_feed(validation_set, options, classes, None),
            callbacks=[recorder, best] if validation_set else [recorder],
            shuffle=False,
            verbose=0,
        )
    best_epoch = best.best_epoch + 1 if validation_set else options.epochs
    return Trained(network, recorder.rows, best_epoch)


def train_and_refit(
    build: Callable[[], keras.Model],
    train_set: LabelledSamples,
    validation_set: LabelledSamples | None,
    refit_set: LabelledSamples | None,
    *,
    options: TrainingOptions,
    classes: int,
    seed: int,
    title: str,
) -> Trained:
    """Train as `train` does; given a `refit_set`, train anew on it for the epochs that won.

    The history then holds both trainings, told apart by `stage`.
    """
    settings = {"classes": classes, "seed": seed}
    chosen = train(build, train_set, validation_set, options=options, title=title, **settings)
    if refit_set is None or validation_set is None:
        return chosen
    options = options.model_copy(update={"epochs": chosen.best_epoch})
    title = f"{title} (refit)"
    refitted = train(build, refit_set, None, options=options, title=title, **settings)
    rows = [{**row, "stage": "refit"} for row in refitted.history]
    return refitted._replace(history=chosen.history + rows)


def _feed(labelled, options, classes, seed):
    if labelled is None:
        return None
    return Feed(
        labelled.samples,
        labelled.labels,
        classes=classes,
        batch_size=options.batch_size,
        mixup_options=options.mixup,
        seed=seed,
    )


def _compile(network, options, *, steps):
    rate = _schedule(options, steps)
    trainer = RegularisedNetwork(network, l2_lambda=options.l2_lambda)
    trainer.compile(optimizer=keras.optimizers.Adam(rate), jit_compile=False)
    # Variables made inside the first step would have it traced twice.
    trainer.optimizer.build(network.trainable_variables)
    return trainer


def _schedule(options, steps):
    """Rise linearly over the warm-up epochs, then stay or fall as a cosine to zero."""
    warmup = min(steps, round(steps * options.warmup_epochs / options.epochs))
    if options.schedule == "constant" and not warmup:
        return options.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else options.learning_rate,
        max(1, steps - warmup),
        alpha=1.0 if options.schedule == "constant" else 0.0,
        warmup_target=options.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


class _Recorder(keras.callbacks.Callback):
    """Keeps history, shows progress, stops on a loss that is not a number."""

    def __init__(self, title: str, line: progress.Bar):
        super().__init__()
        self.rows: list[dict[str, float | str]] = []
        self.title = title
        self._line = line

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        if not np.isfinite(loss):
            raise FloatingPointError(
                f"{self.title}: the loss became {loss} in epoch {len(self.rows) + 1}, step "
                f"{batch + 1}. Lower the learning rate of this training."
            )
        self._line.advance(1, epoch=len(self.rows) + 1, loss=loss)

    def on_epoch_end(self, epoch, logs=None):
        self.rows.append(
            {
                "epoch": epoch + 1,
                "loss": float(logs["loss"]),
                "accuracy": float(logs["accuracy"]),
                "val_loss": float(logs.get("val_loss", np.nan)),
                "val_accuracy": float(logs.get("val_accuracy", np.nan)),
                "seconds": time.perf_counter() - self._started,
                "stage": "train",
            }
        )
