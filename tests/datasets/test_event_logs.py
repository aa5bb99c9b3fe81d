import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import EventLogsDataset


def test_it_loads_its_place_and_makes_nothing(tmp_path):
    dataset = EventLogsDataset(filepath=str(tmp_path / "tensorboard"))
    assert dataset.load() == tmp_path / "tensorboard"
    assert dataset.exists()
    assert not (tmp_path / "tensorboard").exists()
    assert not dataset.is_content


def test_nothing_is_saved_through_it(tmp_path):
    with pytest.raises(DatasetError, match="written by the training"):
        EventLogsDataset(filepath=str(tmp_path)).save("anything")
