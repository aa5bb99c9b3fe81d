import re
from collections import Counter

import keras
import numpy as np
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models import training
from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.epochs import Logbook
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.losses import RegularisedNetwork
from avsc_kedro.models.optimiser import learning_rate
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import ComputeOptions, MixupOptions
from avsc_kedro.progress import bars
from avsc_kedro.progress.events import Advanced, Finished, Started
from benchmarks import kill_training

SETTINGS = {"classes": 2, "seed": 3, "title": "tiny"}


def build():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    x = keras.layers.Dropout(0.1)(x)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(x), name="tiny")


def blobs(clips=30, *, seed=0, flip=False):
    """Two clouds left and right; `flip` exchanges their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % 2
    points = rng.normal(0, 0.4, (clips, 2)) + np.where(labels, 1, -1)[:, None]
    return LabelledSamples(SpectrogramSamples(points.astype(np.float32)), labels ^ flip)


def named(labelled, name):
    return labelled._replace(clip_ids=[f"{name}-{i}" for i in range(labelled.samples.clips)])


def fail_to_take(monkeypatch, error):
    """Have samples be taken seven times, and then no more."""
    real = SpectrogramSamples.take
    taken = []

    def take(self, indices, rng):
        taken.append(indices)
        if len(taken) > 7:
            raise error
        return real(self, indices, rng)

    monkeypatch.setattr(SpectrogramSamples, "take", take)


def assert_same_weights(network, other, *, same=True):
    pairs = zip(network.get_weights(), other.get_weights(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs) == same


class Recorder:
    """A screen that keeps what it is shown."""

    def __init__(self):
        self.events = []

    def show(self, event):
        self.events.append(event)

    def close(self):
        pass


@pytest.fixture
def screen(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(bars, "choose_screen", lambda: recorder)
    return recorder


def test_a_tiny_problem_is_learnt(training_options):
    options = training_options(epochs=8)
    trained = train(build, blobs(), blobs(seed=1), options=options, **SETTINGS)
    last = trained.history[-1]
    assert len(trained.history) == 8
    assert last["accuracy"] > 0.95
    assert last["val_accuracy"] > 0.95
    assert last["loss"] < trained.history[0]["loss"] / 2
    assert [row["epoch"] for row in trained.history] == list(range(1, 9))
    assert {row["stage"] for row in trained.history} == {"train"}
    assert all(row["seconds"] > 0 for row in trained.history)


def test_the_best_epoch_is_restored(training_options):
    """Contradicting validation labels make every epoch worse than the first."""
    options = training_options(epochs=3)
    trained = train(build, blobs(), blobs(seed=1, flip=True), options=options, **SETTINGS)
    assert trained.best_epoch == 1
    assert len(trained.history) == 3
    one = train(build, blobs(), None, options=training_options(epochs=1), **SETTINGS)
    assert_same_weights(trained.network, one.network)


def test_the_restored_network_has_the_lowest_validation_loss(training_options):
    rng = np.random.default_rng(7)
    odd = blobs(seed=1)._replace(labels=np.where(rng.random(30) < 0.5, 0, np.arange(30) % 2))
    options = training_options(epochs=6, learning_rate=0.01, l2_lambda=0.01)
    trained = train(build, blobs(), odd, options=options, **SETTINGS)
    losses = [row["val_loss"] for row in trained.history]
    assert trained.best_epoch == 1 + np.argmin(losses)
    assert 1 < trained.best_epoch < 6
    p = np.asarray(trained.network(np.stack(odd.samples.rows)), np.float64)
    penalty = 0.01 / 2 * sum(np.sum(np.float64(w) ** 2) for w in trained.network.get_weights())
    expected = -np.log(p[np.arange(30), odd.labels]).mean() + penalty
    assert min(losses) == pytest.approx(expected, rel=1e-4)


def test_without_validation_the_last_epoch_is_kept(training_options):
    trained = train(build, blobs(), None, options=training_options(epochs=3), **SETTINGS)
    assert trained.best_epoch == 3
    assert np.isnan(trained.history[-1]["val_loss"])


def test_refit_takes_the_epochs_that_won(training_options):
    options, everything = training_options(epochs=2), blobs(40, seed=2)
    validation = blobs(seed=1, flip=True)
    trained = train(build, blobs(), validation, everything, options=options, **SETTINGS)
    assert trained.best_epoch == 1
    assert [(row["stage"], row["epoch"]) for row in trained.history] == [
        ("train", 1),
        ("train", 2),
        ("refit", 1),
    ]
    alone = train(build, everything, None, options=training_options(epochs=1), **SETTINGS)
    assert_same_weights(trained.network, alone.network)


@pytest.mark.parametrize("missing", ["validation", "refit"])
def test_nothing_is_refitted_without_both_sets(training_options, missing):
    sets = {"validation": blobs(seed=1), "refit": blobs(seed=2)} | {missing: None}
    trained = train(
        build,
        blobs(),
        sets["validation"],
        sets["refit"],
        options=training_options(),
        **SETTINGS,
    )
    assert [row["stage"] for row in trained.history] == ["train"]


def test_the_same_seed_gives_the_same_weights(training_options):
    options = training_options(epochs=2, mixup=MixupOptions(distribution="uniform"))
    first, second = (train(build, blobs(), None, options=options, **SETTINGS) for _ in range(2))
    assert_same_weights(first.network, second.network)
    other = train(build, blobs(), None, options=options, **{**SETTINGS, "seed": 4})
    assert_same_weights(first.network, other.network, same=False)


def test_training_takes_every_batch_of_every_epoch_in_order(training_options, monkeypatch):
    taken = []
    real = Feed.__getitem__

    def spy(self, index):
        if self.seed is not None:
            taken.append((self.epoch, index))
        return real(self, index)

    monkeypatch.setattr(Feed, "__getitem__", spy)
    train(build, blobs(10), None, options=training_options(epochs=3), **SETTINGS)
    # Keras looks at a few batches of epoch 0 to learn their shapes, then starts anew.
    assert taken[-9:] == [(epoch, index) for epoch in (1, 2, 3) for index in range(3)]


def test_a_cosine_ends_at_nothing(training_options):
    options = training_options(epochs=2, schedule="cosine", learning_rate=0.1)
    trainer = training.compile_training(build(), options, ComputeOptions(), steps=10)
    rate = trainer.optimizer._learning_rate
    rates = [float(rate(step)) for step in (0, 5, 10)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.0], atol=1e-7)


def test_a_loss_that_is_no_number_names_epoch_and_step(training_options, screen):
    train_set = named(blobs(12), "clip")
    train_set.samples.rows[5] = np.nan
    feed = Feed(*train_set, classes=2, batch_size=4, seed=SETTINGS["seed"])
    feed.start_at(1)
    order = feed._order.tolist()
    assert order.index(5) // 4 == 1  # in the second batch
    with pytest.raises(FloatingPointError) as stopped:
        train(build, train_set, None, options=training_options(epochs=2), **SETTINGS)
    second, third = (", ".join(f"clip-{i}" for i in order[n : n + 4]) for n in (4, 8))
    # A ReLU may hide it, but not from the weights: then the third step shows it.
    assert re.match(
        "tiny: the loss became nan, in stage train, epoch 1, step [23]. The batch was made of the "
        f"clips ({second}, that of the step before of .*|{third}, that of the step before of "
        rf"{second})\. Not all features are finite numbers of: clip-5\. Look at",
        str(stopped.value),
    )
    assert isinstance(screen.events[0], Started)
    assert isinstance(screen.events[-1], Finished)


def test_a_loss_may_fail_in_a_later_epoch(training_options, monkeypatch):
    real = SpectrogramSamples.take
    calls = []

    def take(self, indices, rng):
        calls.append(len(indices))
        values = real(self, indices, rng)
        return values * (np.nan if len(calls) > 8 else 1)

    monkeypatch.setattr(SpectrogramSamples, "take", take)
    with pytest.raises(FloatingPointError, match=r"epoch [234], step [1-3]\."):
        train(build, blobs(12), None, options=training_options(epochs=4), **SETTINGS)


def test_a_learning_rate_that_is_too_high_is_told_from_odd_features(training_options):
    def explode():
        network = build()
        network.get_layer("hidden").kernel.assign(np.full((2, 8), 3e38))
        return network

    with pytest.raises(FloatingPointError) as stopped:
        train(explode, named(blobs(4), "clip"), None, options=training_options(), **SETTINGS)
    assert "Their features are finite numbers. Lower training.learning_rate" in str(stopped.value)
    assert "of the clips clip-" in str(stopped.value)


def test_a_validation_clip_that_is_odd_is_named(training_options):
    odd = named(blobs(10, seed=1), "held-out")
    odd.samples.rows[6] = np.inf
    with pytest.raises(FloatingPointError) as stopped:
        train(build, blobs(12), odd, options=training_options(epochs=2), **SETTINGS)
    assert "tiny: the validation loss became nan, in stage train, epoch 1, step 2. " in str(
        stopped.value
    )
    assert "clips held-out-4, held-out-5, held-out-6, held-out-7. Not all" in str(stopped.value)
    assert "of: held-out-6. Look" in str(stopped.value)


def test_a_batch_that_cannot_be_made_says_why_itself(training_options, monkeypatch):
    """TensorFlow alone would pass on its text in the middle of a page of its own."""
    error = InputError("shard-0001.h5 is damaged")
    fail_to_take(monkeypatch, error)
    with pytest.raises(InputError) as caught:
        train(build, blobs(40), None, options=training_options(), **SETTINGS)
    assert caught.value is error


@pytest.mark.parametrize("error", [MemoryError(), MemoryError("Unable to allocate 12 GiB")])
def test_a_batch_that_finds_no_memory_says_what_to_try(training_options, monkeypatch, error):
    fail_to_take(monkeypatch, error)
    with pytest.raises(InputError) as caught:
        train(build, blobs(40), None, options=training_options(), **SETTINGS)
    message = str(caught.value)
    assert message.startswith("tiny: expected memory for batches of 4 samples of shape (2,). ")
    for advice in ("training.batch_size", "max_workers=1", "features.rgb.size_px"):
        assert advice in message


def test_a_network_that_finds_no_memory_says_what_to_try(training_options):
    """A real error of the backend: a layer that asks for more than any machine has."""

    class Hungry(keras.layers.Layer):
        def call(self, x):
            return x + keras.ops.sum(keras.ops.tile(x, (2**22, 2**21)))

    def hungry():
        inputs = keras.Input((2,))
        x = Hungry()(keras.layers.Dense(2)(inputs))
        return keras.Model(inputs, keras.layers.Softmax()(x))

    with pytest.raises(InputError, match=r"^tiny: expected memory for batches of 4 "):
        train(hungry, blobs(8), None, options=training_options(), **SETTINGS)


def test_progress_counts_steps_and_ends_also_by_an_error(training_options, screen, monkeypatch):
    train(build, blobs(10), blobs(4), options=training_options(epochs=2), **SETTINGS)
    parts = [event.key for event in screen.events if getattr(event, "part_of", None)]
    assert parts  # at least the first epoch's
    started, *steps, finished = (event for event in screen.events if event.key not in parts)
    assert (started.total, started.description, started.unit) == (6, "tiny", "steps")
    assert all(isinstance(event, Advanced) for event in steps)
    assert sum(event.count for event in steps) == started.total
    assert [event.fields.get("epoch") for event in steps] == [1, 1, 1, None, 2, 2, 2, None]
    assert set(steps[-1].fields) == {"accuracy", "val_loss", "val_accuracy"}
    assert isinstance(finished, Finished)

    screen.events.clear()

    def fail(self, epoch, logs=None):
        raise RuntimeError("stopped")

    monkeypatch.setattr(Logbook, "on_epoch_end", fail)
    with pytest.raises(RuntimeError, match="stopped"):
        train(build, blobs(10), None, options=training_options(), **SETTINGS)
    training, epoch = (event for event in screen.events if isinstance(event, Started))
    assert epoch.part_of == training.key
    assert screen.events[-1] == Finished(training.key)


def test_one_step_of_each_kind_is_traced(training_options, monkeypatch):
    """Tracing a large network costs many seconds: an uneven last batch must not cost it twice."""
    traced = Counter()
    real = RegularisedNetwork.compute_loss

    def spy(self, *args, training=True, **kwargs):
        traced[training] += 1
        return real(self, *args, training=training, **kwargs)

    monkeypatch.setattr(RegularisedNetwork, "compute_loss", spy)
    train(build, blobs(10), blobs(6), options=training_options(epochs=3), **SETTINGS)
    assert traced == {True: 1, False: 1}


@pytest.mark.parametrize(("schedule", "last"), [("constant", 0.01), ("cosine", 0.0)])
def test_the_rate_rises_over_the_warm_up_and_then_follows_the_schedule(
    training_options, schedule, last
):
    options = training_options(epochs=10, learning_rate=0.01, schedule=schedule, warmup_epochs=2)
    rate = learning_rate(options, 100)
    rising = [float(rate(step)) for step in (0, 10, 20)]
    np.testing.assert_allclose(rising, [0.0, 0.005, 0.01], rtol=1e-5)
    assert float(rate(100)) == pytest.approx(last, abs=1e-8)


def test_a_training_killed_by_a_signal_ends_as_one_that_was_not(tmp_path):
    outcome = kill_training.kill_and_compare(tmp_path, kills=1, seed=1, epochs=4)
    assert outcome.passed, outcome
    assert outcome.kills == 1
