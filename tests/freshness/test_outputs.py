"""Where stamps lie, and Kedro's inside that this project relies on (kedro 1.7)."""

import json
import os

import pytest
from kedro.io import MemoryDataset, Version
from kedro_datasets.json import JSONDataset

from avsc_kedro.freshness import outputs
from avsc_kedro.freshness.record import Record

RECORD = Record({"module": "1"}, {"seed": 0}, [["clips", "2"]])


def versioned(folder, load=None, save="2024"):
    return JSONDataset(filepath=str(folder / "scores.json"), version=Version(load, save))


def plain(folder):
    return JSONDataset(filepath=str(folder / "labels.json"))


def stamp(dataset, **output):
    return outputs.Stamp(RECORD, output or outputs.describe_output(dataset), "step", "run", 1.5)


def test_stamps_lie_in_the_version_folder_or_beside_the_file(tmp_path):
    assert outputs.stamp_to_write(versioned(tmp_path)) == tmp_path / "scores.json/2024/stamp.json"
    assert outputs.stamp_to_write(plain(tmp_path)) == tmp_path / "labels.json.stamp.json"
    assert outputs.stamp_to_read(versioned(tmp_path)) is None
    assert outputs.stamp_to_write(MemoryDataset()) is None
    assert not outputs.is_kept(MemoryDataset())


def test_a_stamp_reads_back(tmp_path):
    dataset = plain(tmp_path)
    dataset.save([1])
    path = outputs.stamp_to_write(dataset)
    outputs.write_stamp(path, stamp(dataset))
    assert outputs.read_stamp(path) == stamp(dataset)
    assert json.loads(path.read_text())["record"]["options"] == {"seed": 0}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 0}', '{"format": 1, "record": {}}'])
def test_a_stamp_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "stamp.json").write_text(text)
    assert outputs.read_stamp(tmp_path / "stamp.json") is None


def test_a_file_is_hashed_only_if_its_time_or_size_changed(tmp_path, monkeypatch):
    dataset = plain(tmp_path)
    dataset.save([1])
    outputs.write_stamp(outputs.stamp_to_write(dataset), stamp(dataset))
    digest = outputs.content_digest(dataset)
    hashed = []
    real = outputs.digest_file
    monkeypatch.setattr(outputs, "digest_file", lambda path: hashed.append(path) or real(path))
    assert outputs.content_digest(dataset) == digest
    assert hashed == []
    os.utime(tmp_path / "labels.json", ns=(1, 1))
    assert outputs.content_digest(dataset) == digest
    assert len(hashed) == 1
    (tmp_path / "labels.json").write_text("[2]")
    assert outputs.content_digest(dataset) != digest


def test_kedro_loads_the_version_that_is_pinned(tmp_path):
    versioned(tmp_path, save="2024").save("old")
    dataset = versioned(tmp_path, save="2026")
    outputs.pin_load(dataset)
    versioned(tmp_path, save="2025").save("another run's")
    assert dataset.load() == "old"


def test_kedro_loads_what_it_saved_although_another_run_saved_later(tmp_path):
    dataset = versioned(tmp_path, save="2025")
    outputs.pin_save(dataset)
    assert not dataset.exists()
    dataset.save("mine")
    versioned(tmp_path, save="2026").save("another run's")
    assert dataset.load() == "mine"
    assert versioned(tmp_path).load() == "another run's"


def test_a_version_that_the_user_names_stays(tmp_path):
    for version in ("2024", "2025"):
        versioned(tmp_path, save=version).save(version)
    dataset = versioned(tmp_path, load="2024", save="2026")
    outputs.pin_load(dataset)
    assert dataset.load() == "2024"
    assert outputs.load_path(dataset) == tmp_path / "scores.json/2024/scores.json"


def test_locations_do_not_depend_on_where_the_data_lie(tmp_path):
    assert outputs.location("x", versioned(tmp_path / "a" / "f4")) == "f4/scores.json"
    assert outputs.location("x", MemoryDataset()) == "x"


def test_locks_tell_data_sets_apart(tmp_path):
    assert outputs.lock_name("x", versioned(tmp_path / "mine" / "f4")) == "mine--f4--scores.json"
    assert outputs.lock_name("x", MemoryDataset()) == "x"
