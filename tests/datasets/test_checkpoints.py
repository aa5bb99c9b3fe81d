import pickle

import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import CheckpointsDataset
from avsc_kedro.models.checkpoints import Checkpoints


@pytest.fixture
def dataset(tmp_path):
    return CheckpointsDataset(
        filepath=str(tmp_path / "checkpoints"), metadata={"kedro-viz": {"layer": "4 backbones"}}
    )


def test_loads_its_folder_which_nothing_has_to_make(dataset, tmp_path):
    assert dataset.exists()
    assert dataset.load() == Checkpoints(tmp_path / "checkpoints")
    assert not list(tmp_path.iterdir())


def test_is_no_content_and_may_go_to_another_process(dataset):
    assert not dataset.is_content
    assert pickle.loads(pickle.dumps(dataset)).load() == dataset.load()


def test_is_not_saved_to(dataset, tmp_path):
    with pytest.raises(DatasetError, match=r"checkpoints are written by the training"):
        dataset.save(dataset.load())
    assert not list(tmp_path.iterdir())


def test_discards_what_is_finished_and_leaves_the_rest(dataset, tmp_path):
    finished, other = (dataset.load().of(digit * 32) for digit in "01")
    for training in (finished, other):
        training.folder.mkdir(parents=True)
    finished.finish()
    dataset.discard_finished()
    assert list((tmp_path / "checkpoints").iterdir()) == [other.folder]
    dataset.discard()
    assert not list(tmp_path.iterdir())


def test_discards_what_is_there(dataset, tmp_path):
    folder = tmp_path / "checkpoints" / ("0" * 32)
    folder.mkdir(parents=True)
    (folder / "train-0001.npz").write_bytes(b"")
    dataset.discard()
    assert not list(tmp_path.iterdir())
    dataset.discard()
