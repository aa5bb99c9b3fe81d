import keras
import numpy as np
import pytest

from avsc_kedro.models.course import LabelledSamples
from avsc_kedro.models.freezing import batch_norms, train_all, train_head_only
from avsc_kedro.models.samples import SpectrogramSamples
from avsc_kedro.models.training import train
from avsc_kedro.options import FineTuningOptions

SETTINGS = {"classes": 2, "seed": 3, "title": "tiny"}
CLIPS = 12


def build():
    """A base with a batch norm, inside a network of its own as the visual ones are, and a head."""
    inside = keras.Input((4,))
    x = keras.layers.Dense(6, name="base_dense")(inside)
    base = keras.Model(inside, keras.layers.BatchNormalization(name="base_norm")(x), name="base")
    inputs = keras.Input((4,))
    x = keras.layers.Dense(8, activation="relu", name="fc1024")(base(inputs))
    x = keras.layers.Dense(2, name="fc10")(x)
    return keras.Model(inputs, keras.layers.Softmax(name="softmax")(x), name="tiny")


def clips(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(CLIPS) % 2
    rows = (rng.normal(size=(CLIPS, 4)) + labels[:, None]).astype(np.float32)
    return LabelledSamples(SpectrogramSamples(rows), labels)


def weights_of(network):
    return {variable.path: np.asarray(variable) for variable in network.variables}


def changed(before, after):
    return {path for path in before if not np.array_equal(before[path], after[path])}


@pytest.fixture
def fit(training_options):
    """Train from known weights; return the names of the weights that changed."""

    def run(epochs=2, validation=None, refit=None, learning_rate=0.05, **fine_tuning):
        trained = train(
            start_from_seed,
            clips(),
            validation,
            refit,
            options=training_options(epochs=epochs, l2_lambda=0.1, learning_rate=learning_rate),
            fine_tuning=FineTuningOptions(**fine_tuning),
            **SETTINGS,
        )
        return trained, changed(weights_of(start_from_seed()), weights_of(trained.network))

    def start_from_seed():
        network = build()
        rng = np.random.default_rng(5)
        network.set_weights([rng.uniform(0.1, 1, w.shape) for w in network.get_weights()])
        return network

    return run


def test_head_only_leaves_the_base_as_it_is():
    network = build()
    train_head_only(network)
    assert {v.path.split("/")[0] for v in network.trainable_variables} == {"fc1024", "fc10"}
    before = weights_of(network)
    network.compile("sgd", "mse")
    network.fit(np.ones((4, 4)), np.eye(2)[[0, 1, 0, 1]], verbose=0)
    assert {path.split("/")[0] for path in changed(before, weights_of(network))} <= {
        "fc1024",
        "fc10",
    }
    train_all(network)
    assert len(network.trainable_variables) == 8


def test_batch_norms_are_found_inside_other_networks():
    assert [layer.name for layer in batch_norms(build())] == ["base_norm"]


def test_without_fine_tuning_everything_is_trained(fit):
    trained, names = fit()
    assert {row["stage"] for row in trained.history} == {"train"}
    assert "base_norm/moving_mean" in {"/".join(name.split("/")[-2:]) for name in names}


def test_a_frozen_batch_norm_keeps_averages_scale_and_offset(fit):
    trained, names = fit(freeze_batch_norm=True)
    assert not [name for name in names if "base_norm" in name]
    assert [name for name in names if "base_dense" in name]
    # Of how it was trained nothing stays in the network.
    assert all(layer.trainable for layer in batch_norms(trained.network))


def test_the_head_comes_first_and_all_goes_on_from_there(fit):
    trained, _ = fit(epochs=3, head_epochs=2, head_learning_rate=0.01)
    assert [(row["stage"], row["epoch"]) for row in trained.history] == [
        ("train_head", 1),
        ("train_head", 2),
        ("train", 1),
        ("train", 2),
        ("train", 3),
    ]
    # The second stage begins where the first has ended.
    alone, _ = fit(epochs=1, head_epochs=2, head_learning_rate=0.01)
    assert alone.history[1]["loss"] == trained.history[1]["loss"]
    fresh, _ = fit(epochs=1)
    assert trained.history[2]["loss"] < fresh.history[0]["loss"]


def test_the_first_stage_moves_no_weight_of_the_base(fit):
    # The second moves none by more than this.
    trained, names = fit(epochs=1, learning_rate=1e-20, head_epochs=2, head_learning_rate=0.05)
    moved = {name.split("/")[-2] for name in names if "moving" not in name}
    assert moved == {"fc1024", "fc10"}
    assert len(trained.history) == 3


def test_a_refit_trains_the_head_as_long_as_validation_chose(fit):
    trained, _ = fit(validation=clips(1), refit=clips(2), head_epochs=3)
    rows = {}
    for row in trained.history:
        rows.setdefault(row["stage"], []).append(row)
    best = 1 + np.argmin([row["val_loss"] for row in rows["train_head"]])
    assert len(rows["train_head"]) == 3
    assert len(rows["refit_head"]) == best
    assert len(rows["refit"]) == 1 + np.argmin([row["val_loss"] for row in rows["train"]])
