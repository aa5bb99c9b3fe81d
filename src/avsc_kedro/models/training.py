"""Train one network on a feed: Adam on equation 4, best epoch by validation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from avsc_kedro import progress
from avsc_kedro.models.course import Course, LabelledSamples
from avsc_kedro.models.epochs import Logbook
from avsc_kedro.models.exhaustion import batches_explained
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.finite import FiniteWatch
from avsc_kedro.models.freezing import synchronise_batch_norm, train_all, train_head_only
from avsc_kedro.models.observers import EpochSaver, StepWatch, event_logs
from avsc_kedro.models.optimiser import compile_training, precision

logger = logging.getLogger(__name__)


class Trained(NamedTuple):
    """A trained network, one history row per epoch, and the epoch it was taken from."""

    network: keras.Model
    history: list[dict[str, float | str]]
    best_epoch: int


class Stage(NamedTuple):
    """One training of one network: what it is called, and on what.

    `start` are the weights to begin with, as the stage before has left them; None leaves
    those that the network is built with. With `head_only` they change in the head alone.
    """

    name: str
    train_set: LabelledSamples
    validation_set: LabelledSamples | None
    head_only: bool = False
    is_last: bool = False
    start: list[np.ndarray] | None = None


def seed_everything(seed: int) -> None:
    """Start from a clean Keras state, so that the same seed gives the same weights."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)


def train(
    build: Callable[[], keras.Model],
    train_set: LabelledSamples,
    validation_set: LabelledSamples | None,
    refit_set: LabelledSamples | None = None,
    **course,
) -> Trained:
    """Train a freshly built network and keep the epoch with the lowest validation loss.

    With a validation set a training may stop before its last epoch (`patience_epochs`);
    without, the last epoch is kept. Given a `refit_set` too, the network is then trained anew
    on it for the epochs that won. With `fine_tuning.head_epochs` each of these trains the head
    alone first. The history holds all stages one after the other, told apart by `stage`.

    Given checkpoints, a training that was interrupted goes on after the last epoch it
    saved, and ends as if it had not been.

    Args:
        build: Makes the untrained network.
        train_set: Samples to train on.
        validation_set: Samples that choose the epoch, or None.
        refit_set: Samples to train on in the end, or None.
        course: The fields of `Course`.

    Raises:
        FloatingPointError: If a loss or a weight is not a finite number.
        InputError: If memory runs out.
    """
    how = Course(**course)
    # Named by the whole course and all sets, so that its stages share one folder.
    open_checkpoints = partial(how.open_checkpoints, (train_set, validation_set, refit_set))
    refits = refit_set is not None and validation_set is not None
    stage = Stage("train", train_set, validation_set, is_last=not refits)
    done = _head_then_all(build, how, stage, open_checkpoints)
    if refits:
        head_epochs = done[0].best_epoch if how.fine_tuning.head_epochs else 0
        how = how.of_refit(head_epochs=head_epochs, epochs=done[-1].best_epoch)
        stage = Stage("refit", refit_set, None, is_last=True)
        done += _head_then_all(build, how, stage, open_checkpoints)
    return done[-1]._replace(history=[row for part in done for row in part.history])


def _head_then_all(build, how: Course, stage: Stage, open_checkpoints) -> list[Trained]:
    """Train the head alone, if asked for, then all weights from there."""
    if not how.fine_tuning.head_epochs:
        return [_train(build, how, stage, open_checkpoints)]
    head_stage = stage._replace(name=f"{stage.name}_head", head_only=True, is_last=False)
    head = _train(build, how.of_head(), head_stage, open_checkpoints)
    start = head.network.get_weights()
    return [head, _train(build, how, stage._replace(start=start), open_checkpoints)]


def _train(build, how: Course, stage: Stage, open_checkpoints) -> Trained:
    options, title = how.options, how.title
    seed_everything(how.seed)
    feed = _feed(stage.train_set, how, how.seed)
    validation = _feed(stage.validation_set, how, None)
    with (
        batches_explained(title, feed, validation),
        precision(how.compute.precision),
        how.placement(),
    ):
        network = build()
        # Before a stage's own start: what it was built with is the same in all stages.
        checkpoints = open_checkpoints(network)
        _prepare(network, how, stage)
        trainer = compile_training(network, options, how.compute, steps=len(feed) * options.epochs)
        logbook = Logbook(trainer, stage.name, patience_epochs=options.patience_epochs)
        callbacks = [FiniteWatch(title, stage.name, feed, validation), logbook]
        if checkpoints:
            _resume(logbook, checkpoints.newest(stage.name), title=title, epochs=options.epochs)
            callbacks.append(
                EpochSaver(logbook, checkpoints, stage.name, options.checkpoint_epochs)
            )
        if options.tensorboard and how.logs:
            callbacks.append(event_logs(how.logs / stage.name, goes_on=bool(logbook.rows)))
        _fit(trainer, feed, validation, logbook, callbacks, epochs=options.epochs, title=title)
        logbook.restore_best()
    _restore_settings(network)
    if checkpoints and stage.is_last:
        checkpoints.finish()
    return Trained(network, logbook.rows, logbook.best_epoch)


def _prepare(network: keras.Model, how: Course, stage: Stage) -> None:
    if stage.start is not None:
        network.set_weights(stage.start)
    if how.compute.devices > 1:
        synchronise_batch_norm(network, True)
    if stage.head_only:
        train_head_only(network)
    else:
        train_all(network, freeze_batch_norm=how.fine_tuning.freeze_batch_norm)


def _restore_settings(network: keras.Model) -> None:
    """Leave no trace in the network of how it was trained, but its weights."""
    synchronise_batch_norm(network, False)
    train_all(network)


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


def _resume(logbook, state, *, title, epochs) -> None:
    if state is not None:
        logbook.go_on_from(state)
        logger.info("%s: goes on after epoch %d of %d", title, state.epoch, epochs)


def _feed(labelled, how: Course, seed) -> Feed | None:
    if labelled is None:
        return None
    return Feed(
        labelled.samples,
        labelled.labels,
        labelled.clip_ids,
        classes=how.classes,
        batch_size=how.options.step_size,
        mixup_options=how.options.mixup,
        seed=seed,
        shares=how.compute.devices,
    )
