import base64

import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import PngDataset
from avsc_kedro.datasets.png import SIGNATURE


def test_saves_and_loads_the_same_bytes(tmp_path):
    dataset = PngDataset(filepath=str(tmp_path / "bilder ü" / "figure.png"))
    assert not dataset.exists()
    dataset.save(SIGNATURE + b"rest")
    assert dataset.exists()
    assert dataset.load() == SIGNATURE + b"rest"


def test_what_is_no_png_is_refused_and_nothing_written(tmp_path):
    dataset = PngDataset(filepath=str(tmp_path / "figure.png"))
    with pytest.raises(DatasetError, match=r"figure\.png.*Received b'GIF89a'"):
        dataset.save(b"GIF89a")
    assert not list(tmp_path.iterdir())


def test_the_preview_is_base64(tmp_path):
    dataset = PngDataset(filepath=str(tmp_path / "figure.png"))
    dataset.save(SIGNATURE)
    assert base64.b64decode(dataset.preview()) == SIGNATURE
