from types import SimpleNamespace

import pytest

from avsc_kedro.models.observers import EpochSaver, StepWatch


@pytest.mark.parametrize(
    ("every", "saved"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])]
)
def test_a_checkpoint_is_saved_every_few_epochs_and_after_the_last(every, saved):
    epochs = []
    checkpoints = SimpleNamespace(save=lambda stage, state: epochs.append(state))
    logbook = SimpleNamespace(state=lambda: epoch + 1, is_enough=False)
    saver = EpochSaver(logbook, checkpoints, "train", every)
    saver.set_params({"epochs": 5})
    for epoch in range(5):
        saver.on_epoch_end(epoch)
    assert epochs == saved


def test_a_checkpoint_is_saved_where_a_training_stops_early():
    epochs = []
    checkpoints = SimpleNamespace(save=lambda stage, state: epochs.append(state))
    logbook = SimpleNamespace(state=lambda: 3, is_enough=True)
    saver = EpochSaver(logbook, checkpoints, "train", every=5)
    saver.set_params({"epochs": 9})
    saver.on_epoch_end(2)
    assert epochs == [3]


def test_a_step_is_shown():
    shown = []
    line = SimpleNamespace(advance=lambda n, **fields: shown.append((n, fields)))
    watch = StepWatch(line)
    watch.on_epoch_begin(2)
    watch.on_train_batch_end(0, {"loss": 0.5})
    assert shown == [(1, {"epoch": 3, "loss": 0.5})]
