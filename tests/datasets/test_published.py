"""Files in place are old or new, never half; their bytes are those of kedro-datasets."""

import subprocess
import sys

import pandas as pd
import pytest
from kedro.io import DatasetError, Version
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from avsc_kedro.datasets import published

TABLE = pd.DataFrame({"clip_id": ["tram", "Straßenbahn"], "p": [0.1, 1e-17], "gone": [None, "x"]})
SCORES = {"accuracy": 0.1 + 0.2, "scenes": ["bus", "Straße"], "none": None}
KINDS = {
    "csv": (published.PublishedCSVDataset, CSVDataset, TABLE, {"save_args": {"index": False}}),
    "json": (published.PublishedJSONDataset, JSONDataset, SCORES, {"save_args": {"indent": 2}}),
    "txt": (published.PublishedTextDataset, TextDataset, "Straße\nbus\n", {}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    """(class, its parent, data, arguments) of one kind of file."""
    return KINDS[request.param]


def test_the_bytes_are_those_of_the_parent(kind, tmp_path):
    ours, parent, data, arguments = kind
    assert issubclass(ours, parent)
    for number, cls in enumerate((ours, parent)):
        cls(filepath=str(tmp_path / f"{number}.txt"), **arguments).save(data)
    assert (tmp_path / "0.txt").read_bytes() == (tmp_path / "1.txt").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"0.txt", "1.txt"}


def test_a_version_is_kept_beside_the_older_and_the_newest_loaded(kind, tmp_path):
    ours, parent, data, arguments = kind
    path = tmp_path / "deep" / "scores.x"
    for version in ("2026-01-01", "2026-01-02"):
        ours(filepath=str(path), version=Version(None, version), **arguments).save(data)
        (made,) = (path / version).iterdir()
        assert made.name == "scores.x"
    dataset = ours(filepath=str(path), version=Version(None, None), **arguments)
    assert dataset.resolve_load_version() == "2026-01-02"
    loaded = dataset.load()
    parent(filepath=str(tmp_path / "plain"), **arguments).save(data)
    plain = parent(filepath=str(tmp_path / "plain"), **arguments).load()
    assert loaded.equals(plain) if isinstance(data, pd.DataFrame) else loaded == plain
    with pytest.raises(DatasetError, match="must not exist"):
        ours(filepath=str(path), version=Version(None, "2026-01-02"), **arguments).save(data)


def test_a_failing_write_leaves_the_old_file(kind, tmp_path, monkeypatch):
    ours, parent, data, arguments = kind
    path = tmp_path / "f.txt"
    ours(filepath=str(path), **arguments).save(data)
    before = path.read_bytes()

    def write_half(self, data):
        with open(self._filepath, "w") as file:
            file.write("half")
        raise OSError("No space left on device")

    monkeypatch.setattr(parent.save, "__wrapped__", write_half)
    with pytest.raises(DatasetError, match="No space left"):
        ours(filepath=str(path), **arguments).save(data)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_at_all_leaves_no_version(tmp_path):
    path = tmp_path / "scores.json"
    dataset = published.PublishedJSONDataset(filepath=str(path), version=Version(None, "v"))
    with pytest.raises(DatasetError, match="not JSON serializable"):
        dataset.save({"a": 1, "b": object()})
    assert not dataset.exists()


def test_kedro_viz_can_preview_them(tmp_path):
    for suffix in ("csv", "json"):
        ours, _, data, arguments = KINDS[suffix]
        dataset = ours(filepath=str(tmp_path / suffix), **arguments)
        dataset.save(data)
        assert "Straße" in str(dataset.preview()) or "Stra\\u00dfe" in str(dataset.preview())


def test_datasets_are_imported_without_kedro_datasets():
    code = "import sys, avsc_kedro.datasets; print('kedro_datasets' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "False", printed.stderr
