import contextlib
import errno
import logging
from collections import Counter
from types import SimpleNamespace
from typing import NamedTuple

import keras
import numpy as np
import pytest

from avsc_kedro.models import checkpoints as checkpoint_files
from avsc_kedro.models import training
from avsc_kedro.models.checkpoints import Checkpoints
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.epochs import Logbook
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.finite import FiniteWatch
from avsc_kedro.models.observers import StepWatch
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import FineTuningOptions, MixupOptions

EPOCHS, STEPS = 4, 2

pytestmark = pytest.mark.usefixtures("eager")


def blobs(clips, *, seed=0, flip=False):
    """Two clouds left and right; `flip` exchanges their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % 2
    points = rng.normal(0, 0.4, (clips, 2)) + np.where(labels, 1, -1)[:, None]
    return LabelledSamples(SpectrogramSamples(points.astype(np.float32)), labels ^ flip)


def build(hidden=8):
    """With weights that are not trained, and a random state."""
    inputs = keras.Input((2,))
    x = keras.layers.Dense(hidden, name="hidden")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.3)(x)
    x = keras.layers.Dense(2, name="fc10")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="softmax")(x), name="tiny")


class Killed(BaseException):
    """Ends a training, as a signal would."""


class Line(NamedTuple):
    """A progress line that keeps what it is told."""

    title: str
    total: int
    advances: list

    def advance(self, n, **fields):
        self.advances.append((n, fields))

    def part(self, total, title, *, unit):
        return Line(title, total, [])

    def close(self):
        pass


@pytest.fixture
def lines(monkeypatch):
    """The progress lines of all trainings."""
    opened = []

    @contextlib.contextmanager
    def track(total, title, *, unit):
        opened.append(Line(title, total, []))
        yield opened[-1]

    monkeypatch.setattr(training.progress, "track", track)
    return opened


@pytest.fixture
def steps(lines):
    """Count the steps computed so far, by title."""

    def count():
        computed = Counter()
        for line in lines:
            computed[line.title] += sum("loss" in fields for _, fields in line.advances)
        return computed

    return count


@pytest.fixture
def interrupt(monkeypatch):
    """Have the next training of a title raise at a step (counted from 1) of an epoch."""
    real = StepWatch.on_train_batch_end

    def set_up(epoch, step, *, title="tiny", error=Killed):
        def stop(self, batch, logs=None):
            real(self, batch, logs)
            if (self._line.title, self._epoch, batch + 1) == (title, epoch, step):
                monkeypatch.setattr(StepWatch, "on_train_batch_end", real)
                raise error

        monkeypatch.setattr(StepWatch, "on_train_batch_end", stop)

    return set_up


@pytest.fixture(scope="module")
def settings(training_options):
    """A training with all that has a state; its best epoch is not the last."""
    return {
        "build": build,
        "train_set": blobs(8),
        "validation_set": blobs(8, seed=5, flip=True),
        "refit_set": None,
        "options": training_options(
            epochs=EPOCHS,
            schedule="cosine",
            warmup_epochs=1,
            mixup=MixupOptions(distribution="beta"),
        ),
        "classes": 2,
        "seed": 3,
        "title": "tiny",
        "made_from": "these blobs",
    }


@pytest.fixture(scope="module")
def whole(settings):
    """What the training gives that nothing interrupts."""
    trained = train(**settings)
    assert trained.best_epoch < EPOCHS
    return trained


@pytest.fixture
def resumable(settings, tmp_path):
    """The same training with checkpoints; keywords change it."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")

    def run(**changes):
        return train(**{**settings, "checkpoints": checkpoints, **changes})

    run.folder = checkpoints.folder
    return run


def assert_same_training(trained, other):
    """Weights and random states byte for byte, history apart from how long it took."""
    assert trained.best_epoch == other.best_epoch
    np.testing.assert_equal(
        *([{**row, "seconds": 0} for row in one.history] for one in (trained, other))
    )
    for ours, theirs in zip(trained.network.variables, other.network.variables, strict=True):
        assert np.asarray(ours).tobytes() == np.asarray(theirs).tobytes(), ours.path


def said(caplog):
    """What this project logged."""
    ours = [record for record in caplog.records if record.name.startswith("avsc_kedro")]
    return [record.getMessage() for record in ours]


def names(folder):
    return sorted(path.name for path in folder.rglob("*.npz"))


def test_an_interrupted_training_ends_as_one_that_was_not(
    whole, resumable, interrupt, steps, caplog
):
    caplog.set_level(logging.INFO, logger="avsc_kedro")
    for epoch, step, error in [(1, 2, Killed), (3, 1, KeyboardInterrupt), (4, 2, Killed)]:
        interrupt(epoch, step, error=error)
        with pytest.raises(error):
            resumable()
    assert_same_training(resumable(), whole)
    assert steps()["tiny"] == STEPS * EPOCHS + 2 + 1 + 2
    assert said(caplog) == [f"tiny: goes on after epoch {epoch} of 4" for epoch in (2, 3)]


def test_killed_in_the_refit_the_first_stage_is_not_trained_again(
    settings, resumable, interrupt, steps, lines
):
    sets = {
        "validation_set": blobs(8, seed=5),
        "refit_set": blobs(12, seed=3),
        "options": settings["options"].model_copy(update={"epochs": 2}),
    }
    whole = train(**{**settings, **sets})
    assert whole.best_epoch == 2
    lines.clear()
    interrupt(2, 3, title="tiny (refit)")
    with pytest.raises(Killed):
        resumable(**sets)
    resumed = resumable(**sets)
    assert steps() == {"tiny": STEPS * 2, "tiny (refit)": 3 * 2 + 3}
    assert_same_training(resumed, whole)

    lines.clear()  # finished, though nothing was saved of it but its checkpoints
    assert_same_training(resumable(**sets), whole)
    assert not steps().total()
    assert [line.advances for line in lines] == [[(line.total, {"epoch": 2})] for line in lines]


def test_killed_in_any_stage_a_head_s_training_goes_on_and_one_folder_is_left(
    settings, resumable, interrupt, steps, lines
):
    sets = {
        "refit_set": blobs(12, seed=3),
        "fine_tuning": FineTuningOptions(head_epochs=2, head_learning_rate=0.01),
    }
    whole = train(**{**settings, **sets})
    assert whole.best_epoch < EPOCHS  # so that the refit is another course than the training
    stages = [row["stage"] for row in whole.history]
    lines.clear()
    for epoch, title in [(2, "tiny (head)"), (3, "tiny"), (1, "tiny (refit) (head)")]:
        interrupt(epoch, 1, title=title)
        with pytest.raises(Killed):
            resumable(**sets)
        assert len(list(resumable.folder.iterdir())) == 1
    assert_same_training(resumable(**sets), whole)
    assert steps()["tiny (head)"] == STEPS * 2 + 1
    assert steps()["tiny"] == STEPS * EPOCHS + 1
    assert list(dict.fromkeys(stages)) == ["train_head", "train", "refit_head", "refit"]
    Checkpoints(resumable.folder).discard_finished()
    assert not resumable.folder.exists()


@pytest.mark.parametrize("refit_set", [None, blobs(12, seed=3)], ids=["no refit", "refit"])
def test_only_a_training_that_came_to_its_end_is_discarded(resumable, interrupt, steps, refit_set):
    sets = {"refit_set": refit_set, "validation_set": blobs(8, seed=5)}
    checkpoints = Checkpoints(resumable.folder)
    if refit_set is None:
        interrupt(2, 1)
    else:
        interrupt(1, 1, title="tiny (refit)")
    with pytest.raises(Killed):
        resumable(**sets)
    (unfinished,) = resumable.folder.iterdir()

    resumable(**sets, seed=4)
    computed = steps()
    resumable(**sets, seed=4)  # as after a kill before its results were saved
    assert steps() == computed
    checkpoints.discard_finished()
    assert list(resumable.folder.iterdir()) == [unfinished]

    resumable(**sets)
    checkpoints.discard_finished()
    assert not resumable.folder.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 3},
        {"seed": 4},
        {"made_from": "other blobs"},
        {"train_set": blobs(10, flip=True)},
        {"validation_set": None},
        {"refit_set": blobs(4)},
        {"build": lambda: build(hidden=9)},
        {"build": lambda: from_other_weights(build())},
        {"checkpoint_epochs": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_only_the_same_training_is_gone_on_with(settings, resumable, monkeypatch, change):
    opened = []
    real = Checkpoints.of

    def of(self, key):
        opened.append(key)
        real(self, key)
        raise Killed

    monkeypatch.setattr(Checkpoints, "of", of)
    options = {key: change.pop(key) for key in ("epochs", "checkpoint_epochs") if key in change}
    change["options"] = settings["options"].model_copy(update=options)
    for changes in ({}, {}, change):
        with pytest.raises(Killed):
            resumable(**changes)
    first, again, changed = opened
    assert first == again
    assert (first == changed) == ("checkpoint_epochs" in options)


def from_other_weights(network):
    network.get_layer("hidden").bias.assign(np.ones(8))
    return network


def test_how_often_is_saved_decides_nothing(whole, settings, resumable, interrupt, steps):
    interrupt(4, 1)
    with pytest.raises(Killed):
        resumable(options=settings["options"].model_copy(update={"checkpoint_epochs": 2}))
    assert names(resumable.folder) == ["train-0002.npz"]
    assert_same_training(resumable(), whole)
    assert steps()["tiny"] == STEPS * 3 + 1 + STEPS * 2


def test_none_are_saved_if_not_asked_for(settings, resumable):
    options = settings["options"].model_copy(update={"checkpoint_epochs": 0, "epochs": 1})
    resumable(options=options)
    assert not resumable.folder.exists()


def test_a_damaged_checkpoint_costs_one_interval(whole, resumable, interrupt, steps, caplog):
    interrupt(4, 1)
    with pytest.raises(Killed):
        resumable()
    newest = next(resumable.folder.rglob("train-0003.npz"))
    newest.write_bytes(newest.read_bytes()[:-100])
    assert_same_training(resumable(), whole)
    assert steps()["tiny"] == STEPS * 3 + 1 + STEPS * 2
    assert f"{newest} is passed over" in caplog.text


def lose_loss(monkeypatch):
    real = Feed.__getitem__

    def batch(self, index):
        x, y = real(self, index)
        return (x * np.nan if self.seed is not None and self.epoch == 3 else x), y

    monkeypatch.setattr(Feed, "__getitem__", batch)


def lose_validation_loss(monkeypatch):
    real = FiniteWatch.on_test_batch_end

    def end(self, batch, logs=None):
        real(self, batch, {"loss": np.inf} if self._epoch == 3 else logs)

    monkeypatch.setattr(FiniteWatch, "on_test_batch_end", end)


def lose_weights(monkeypatch):
    """As the last step of an epoch may."""
    real = FiniteWatch.on_epoch_end

    def end(self, epoch, logs=None):
        if epoch == 2:
            self.model.network.get_layer("hidden").bias.assign(np.full(8, np.inf))
        real(self, epoch, logs)

    monkeypatch.setattr(FiniteWatch, "on_epoch_end", end)


@pytest.mark.parametrize(
    ("lose", "where"),
    [
        (lose_loss, "loss became nan, in stage train, epoch 3, step 1"),
        (lose_validation_loss, "validation loss became inf, in stage train, epoch 3, step 1"),
        (lose_weights, "weights became nan or infinite, in stage train, epoch 3, step 2"),
    ],
)
def test_what_is_no_number_keeps_the_last_good_checkpoint(
    whole, settings, resumable, monkeypatch, caplog, lose, where
):
    caplog.set_level(logging.INFO, logger="avsc_kedro")
    with monkeypatch.context() as patch:
        lose(patch)
        for _ in range(2):  # started again, it fails at the same place
            with pytest.raises(FloatingPointError, match=rf"^tiny: the {where}\. "):
                resumable()
            assert names(resumable.folder) == ["train-0001.npz", "train-0002.npz"]
    lower = settings["options"].model_copy(update={"learning_rate": 0.01})
    caplog.clear()
    assert len(resumable(options=lower).history) == EPOCHS
    assert not said(caplog)  # from the beginning
    assert_same_training(resumable(), whole)
    assert said(caplog) == ["tiny: goes on after epoch 2 of 4"]


def test_a_full_disk_costs_the_checkpoints_and_one_warning(whole, resumable, monkeypatch, caplog):
    real = checkpoint_files._write
    tried = []

    def write(path, state):
        tried.append(state.epoch)
        real(path, state)
        if state.epoch > 1:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(checkpoint_files, "_write", write)
    assert_same_training(resumable(), whole)
    assert tried == [1, 2]
    assert names(resumable.folder) == ["train-0001.npz"]
    (warning,) = said(caplog)
    assert str(resumable.folder) in warning
    assert "No space left on device" in warning


@pytest.mark.parametrize(
    ("losses", "best"),
    [
        ([3.0, 1.0, 2.0], 2),
        ([1.0, 1.0, 1.0], 1),
        ([np.nan, 5.0, np.nan], 2),
        ([np.nan, np.inf], 0),  # not reached: FiniteWatch stops first
        ([None, None], 2),
    ],
)
def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss(losses, best):
    epoch_weights = iter(range(1, 9))
    network = SimpleNamespace(get_weights=lambda: next(epoch_weights))
    logbook = Logbook(SimpleNamespace(network=network), "train")
    for epoch, loss in enumerate(losses):
        note(logbook, epoch, loss)
    assert logbook.best_epoch == best


def note(logbook, epoch, loss):
    """Have an epoch noted that gave this validation loss, None without validation."""
    logbook.on_epoch_begin(epoch)
    validation = {} if loss is None else {"val_loss": loss, "val_accuracy": 0.5}
    logbook.on_epoch_end(epoch, {"loss": 1.0, "accuracy": 0.5, **validation})


@pytest.mark.parametrize(
    ("losses", "patience_epochs", "ends_after"),
    [
        ([3.0, 2.0, 2.0, 1.0, 1.5, 1.2], 2, 6),
        ([3.0, 2.0, 2.0, 2.5, 1.0], 2, 4),
        ([3.0, 4.0], 1, 2),
        ([3.0, 4.0, 5.0], 3, None),
        ([3.0, 4.0, 5.0], 0, None),
        ([None, None, None], 1, None),
    ],
)
def test_patience_counts_the_epochs_that_did_not_lower_the_validation_loss(
    losses, patience_epochs, ends_after
):
    trainer = SimpleNamespace(network=SimpleNamespace(get_weights=list))
    logbook = Logbook(trainer, "train", patience_epochs=patience_epochs)
    ended = []
    for epoch, loss in enumerate(losses):
        note(logbook, epoch, loss)
        assert trainer.stop_training == logbook.is_enough
        ended += [epoch + 1] if logbook.is_enough else []
    assert ended == ([] if ends_after is None else [ends_after])


@pytest.fixture
def patient(settings):
    """The same training over more epochs; it stops one epoch after the best."""
    return settings["options"].model_copy(update={"epochs": 9, "patience_epochs": 1})


def test_an_impatient_training_is_the_beginning_of_a_patient_one(settings, patient, lines):
    early = train(**{**settings, "options": patient})
    last = len(early.history)
    assert 2 <= last < 9
    assert early.best_epoch == last - 1
    assert lines[-1].total == 9 * STEPS
    assert lines[-1].advances[-1] == (0, {"stopped": "early", "best_epoch": early.best_epoch})
    lines.clear()
    endless = patient.model_copy(update={"patience_epochs": 0})
    whole = train(**{**settings, "options": endless})
    assert len(whole.history) == 9
    assert "stopped" not in lines[-1].advances[-1][1]
    np.testing.assert_equal(
        *([{**r, "seconds": 0} for r in t.history[:last]] for t in (early, whole))
    )


def test_patience_and_refit_and_interruptions(
    settings, patient, resumable, interrupt, steps, lines
):
    sets = {"refit_set": blobs(12, seed=3), "options": patient}
    whole = train(**{**settings, **sets})
    stages = [row["stage"] for row in whole.history]
    assert stages.count("refit") == stages.count("train") - 1 < 8
    for changes in ({"checkpoint_epochs": 1}, {"checkpoint_epochs": 9}):
        lines.clear()
        sets["options"] = patient.model_copy(update=changes)
        interrupt(1, 2, title="tiny (refit)")
        with pytest.raises(Killed):
            resumable(**sets)
        assert_same_training(resumable(**sets), whole)
        assert steps()["tiny"] == STEPS * stages.count("train")  # not one of them again
        Checkpoints(resumable.folder).discard()


def test_without_validation_patience_never_ends(settings, patient):
    trained = train(**{**settings, "options": patient, "validation_set": None})
    assert len(trained.history) == trained.best_epoch == 9
