import sys
import types

import pytest
from kedro.io import DatasetError

from avsc_kedro import runtime
from avsc_kedro.datasets import KerasModelDataset
from avsc_kedro.errors import InputError


@pytest.fixture
def files(monkeypatch):
    """In the place of `models.files`, which would import Keras: models are text."""

    def load_model(path):
        if not (text := path.read_text()).startswith("model"):
            raise ValueError(f"File not found: filepath={path}.\nMore lines")
        return text

    stand_in = types.ModuleType("avsc_kedro.models.files")
    stand_in.load_model = load_model
    stand_in.save_model = lambda model, path: path.write_text(model)
    models = types.ModuleType("avsc_kedro.models")
    models.files = stand_in
    monkeypatch.setitem(sys.modules, "avsc_kedro.models", models)
    monkeypatch.setitem(sys.modules, "avsc_kedro.models.files", stand_in)
    monkeypatch.setattr(runtime, "start_backend", lambda: None)


def test_saves_and_loads(tmp_path, files):
    dataset = KerasModelDataset(filepath=str(tmp_path / "model.keras"))
    dataset.save("model of f4")
    assert dataset.load() == "model of f4"


def test_a_damaged_model_is_named_with_the_command_that_makes_it_anew(tmp_path, files):
    path = tmp_path / "f4" / "model.keras"
    path.parent.mkdir()
    path.write_text("torn")
    with pytest.raises(DatasetError) as caught:
        KerasModelDataset(filepath=str(path)).load()
    assert isinstance(caught.value.__cause__, InputError)
    assert str(caught.value.__cause__) == (
        f"Expected a readable file at {path}. It is damaged: File not found: filepath={path}. "
        "Delete this file and run kedro run --pipeline=phase2"
    )
