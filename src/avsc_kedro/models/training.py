"""Train one network on a feed: Adam on equation 4, best epoch by validation."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from avsc_kedro import progress
from avsc_kedro.models.checkpoints import Checkpoints, TrainingCheckpoints, digest
from avsc_kedro.models.epochs import Logbook
from avsc_kedro.models.exhaustion import batches_explained
from avsc_kedro.models.feeds import Feed, Samples
from avsc_kedro.models.finite import FiniteWatch
from avsc_kedro.models.losses import RegularisedNetwork
from avsc_kedro.models.observers import EpochSaver, StepWatch
from avsc_kedro.options import TrainingOptions

logger = logging.getLogger(__name__)


class LabelledSamples(NamedTuple):
    """Samples of some clips, the class of each clip, and its name for messages."""

    samples: Samples
    labels: np.ndarray
    clip_ids: Sequence[str] | None = None


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
    checkpoints: Checkpoints | None = None,
    made_from: Any = None,
) -> Trained:
    """Train a freshly built network and keep the epoch with the lowest validation loss.

    With a validation set a training may stop before its last epoch (`patience_epochs`);
    without, the last epoch is kept. Given checkpoints, a training that
    was interrupted goes on after the last epoch it saved, and ends as if it had not been.

    Args:
        build: Makes the untrained network.
        train_set: Samples to train on.
        validation_set: Samples that choose the epoch, or None.
        options: Epochs, batch size, Adam, L2 and mixup.
        classes: Number of classes.
        seed: Of the weights, the order, the mixing and the dropout.
        title: What the progress line is called.
        checkpoints: Where to save each epoch and to look for an interrupted training.
        made_from: What the samples and the code are, as JSON takes it: an interrupted
            training goes on only if this is the same.

    Raises:
        FloatingPointError: If a loss or a weight is not a finite number.
        InputError: If memory runs out.
    """
    facts = _facts(made_from, (train_set, validation_set), options, classes, seed)
    return _train(
        build,
        train_set,
        validation_set,
        stage="train",
        is_last=True,
        options=options,
        classes=classes,
        seed=seed,
        title=title,
        open_checkpoints=partial(_open, checkpoints, facts, options),
    )


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
    checkpoints: Checkpoints | None = None,
    made_from: Any = None,
) -> Trained:
    """Train as `train` does; given a `refit_set`, train anew on it for the epochs that won.

    The history then holds both trainings, told apart by `stage`.
    """
    facts = _facts(made_from, (train_set, validation_set, refit_set), options, classes, seed)
    run = partial(
        _train,
        build,
        classes=classes,
        seed=seed,
        open_checkpoints=partial(_open, checkpoints, facts, options),
    )
    is_last = refit_set is None or validation_set is None
    chosen = run(
        train_set, validation_set, stage="train", is_last=is_last, options=options, title=title
    )
    if is_last:
        return chosen
    options = options.model_copy(update={"epochs": chosen.best_epoch})
    title = f"{title} (refit)"
    refitted = run(refit_set, None, stage="refit", is_last=True, options=options, title=title)
    return refitted._replace(history=chosen.history + refitted.history)


def _train(
    build,
    train_set,
    validation_set,
    *,
    stage,
    is_last,
    options,
    classes,
    seed,
    title,
    open_checkpoints,
):
    seed_everything(seed)
    feed = _feed(train_set, options, classes, seed)
    validation = _feed(validation_set, options, classes, None)
    with batches_explained(title, feed, validation):
        network = build()
        checkpoints = open_checkpoints(network)  # the weights to start from are part of its name
        trainer = _compile(network, options, steps=len(feed) * options.epochs)
        logbook = Logbook(trainer, stage, patience_epochs=options.patience_epochs)
        callbacks = [FiniteWatch(title, stage, feed, validation), logbook]
        if checkpoints:
            _resume(logbook, checkpoints.newest(stage), title=title, epochs=options.epochs)
            callbacks.append(EpochSaver(logbook, checkpoints, stage, options.checkpoint_epochs))
        _fit(trainer, feed, validation, logbook, callbacks, epochs=options.epochs, title=title)
        logbook.restore_best()
    if checkpoints and is_last:
        checkpoints.finish()
    return Trained(network, logbook.rows, logbook.best_epoch)


def _fit(trainer, feed, validation, logbook, callbacks, *, epochs, title):
    """Train from where the logbook stands to the last epoch, or to the one that is enough."""
    done = len(logbook.rows)
    with progress.track(len(feed) * epochs, title, unit="steps") as line:
        if done:
            line.advance(done * len(feed), epoch=done)
            feed.start_at(done)
        if done < epochs and not logbook.is_enough:
            trainer.fit(
                feed,
                initial_epoch=done,
                epochs=epochs,
                validation_data=validation,
                callbacks=[*callbacks, StepWatch(line)],
                shuffle=False,
                verbose=0,
            )
        if len(logbook.rows) < epochs:
            line.advance(0, stopped="early", best_epoch=logbook.best_epoch)


def _facts(made_from, sets, options, classes, seed) -> dict[str, Any]:
    """Return what decides a training beside the network, as JSON takes it."""
    return {
        "made_from": made_from,
        "sets": [_describe(labelled) for labelled in sets],
        "options": options.model_dump(mode="json", exclude={"checkpoint_epochs"}),
        "classes": classes,
        "seed": seed,
        "versions": [
            keras.__version__,
            np.__version__,
            keras.backend.backend(),
            sys.modules[keras.backend.backend()].__version__,
        ],
    }


def _describe(labelled):
    if labelled is None:
        return None
    samples, labels, _ = labelled
    augmentation = samples.augmentation and samples.augmentation.model_dump(mode="json")
    return [type(samples).__name__, samples.per_clip, augmentation, np.asarray(labels).tolist()]


def _open(checkpoints, facts, options, network) -> TrainingCheckpoints | None:
    """Return the checkpoints of the training that starts with this network."""
    if checkpoints is None or not options.checkpoint_epochs:
        return None
    start = [ops.convert_to_numpy(variable) for variable in network.variables]
    return checkpoints.of(digest({**facts, "network": network.to_json()}, start))


def _resume(logbook, state, *, title, epochs) -> None:
    if state is not None:
        logbook.go_on_from(state)
        logger.info("%s: goes on after epoch %d of %d", title, state.epoch, epochs)


def _feed(labelled, options, classes, seed):
    if labelled is None:
        return None
    return Feed(
        labelled.samples,
        labelled.labels,
        labelled.clip_ids,
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
