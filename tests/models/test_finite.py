"""Whole trainings that stop are in test_training.py and test_epochs.py."""

from types import SimpleNamespace

import numpy as np
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.finite import FiniteRows, FiniteWatch
from avsc_kedro.models.samples import EmbeddingSamples

CLIPS = ["a", "b", "c", "d"]


def feed(samples, **changes):
    return Feed(samples, [0, 1, 0, 1], CLIPS, **{"classes": 2, "batch_size": 2, **changes})


@pytest.fixture
def watch():
    """On embeddings of two branches; the second branch's of clip c are no numbers."""
    rows = np.ones((4, 3), np.float32)
    odd = rows.copy()
    odd[2, 1] = np.inf
    two = EmbeddingSamples({"aud_mel": rows, "vis_inc": odd})
    watch = FiniteWatch("fusion", "train", feed(two), feed(two))
    watch.on_epoch_begin(4)
    return watch


def test_finite_losses_pass(watch):
    watch.on_train_batch_end(0, {"loss": 0.5})
    watch.on_test_batch_end(1, {"loss": 0.5})


def test_a_loss_names_the_clips_of_its_step_and_of_the_one_before(watch):
    watch.on_train_batch_end(0, {"loss": 0.5})
    with pytest.raises(FloatingPointError) as stopped:
        watch.on_train_batch_end(1, {"loss": np.inf})
    assert str(stopped.value) == (
        "fusion: the loss became inf, in stage train, epoch 5, step 2. The batch was made of the "
        "clips c, d, that of the step before of a, b. Not all features are finite numbers of: "
        "c (vis_inc). Look at these recordings: replace them, or leave them out. Nothing is kept "
        "of this epoch."
    )


def test_a_validation_loss_names_the_clips_of_its_batch(watch):
    watch.on_train_batch_end(1, {"loss": 0.5})
    with pytest.raises(FloatingPointError) as stopped:
        watch.on_test_batch_end(0, {"loss": np.nan})
    assert str(stopped.value) == (
        "fusion: the validation loss became nan, in stage train, epoch 5, step 1. The batch was "
        "made of the clips a, b. Their features are finite numbers. Lower training.learning_rate "
        "of this network (of its head alone: fine_tuning.head_learning_rate), or look at what is "
        "odd about these clips. Nothing is kept of this epoch."
    )


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_weights_name_the_clips_of_the_last_step(watch, value):
    watch.on_train_batch_end(0, {"loss": 0.5})
    watch.on_train_batch_end(1, {"loss": 0.5})
    weights = [np.ones(3), np.array([1.0, 2.0])]
    watch.set_model(SimpleNamespace(get_weights=lambda: weights))
    watch.on_epoch_end(4)
    weights[1][1] = value
    with pytest.raises(FloatingPointError, match=r"epoch 5, step 2\. .* clips c, d\. Not all"):
        watch.on_epoch_end(4)


@pytest.mark.parametrize(("clip_ids", "name"), [(CLIPS, "c"), (None, "2")])
def test_a_row_that_is_no_number_is_refused_as_it_is_read(clip_ids, name):
    rows = FiniteRows([np.zeros(2), np.ones(2), np.array([1, np.nan])], clip_ids)
    assert len(rows) == 3
    np.testing.assert_array_equal(rows[1], [1, 1])
    with pytest.raises(InputError, match=rf"from clip {name}\. Look"):
        rows[2]


def test_pictures_are_always_numbers():
    frames = np.zeros((2, 4, 4, 3), np.uint8)
    assert FiniteRows([frames])[0] is frames
