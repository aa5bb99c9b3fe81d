"""Wrong input on the command line: one message, exit status 1, no traceback, no work."""

import errno
import json
import os

import click
import pytest
from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset

from avsc_kedro.cli import explain, explain_input_errors
from avsc_kedro.errors import InputError
from avsc_kedro.runners import NodeProcessDied


def refused(project, *arguments: str) -> str:
    done = project.run(*arguments, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode == 1, shown
    assert "Traceback" not in shown
    assert "--from-nodes" not in shown
    assert done.stderr.count("Error: ") == 1, shown
    message = done.stderr.partition("Error: ")[2]
    assert shown.count(message.partition(". ")[0].strip()) == 1, shown
    return done.stderr


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def error_of(function, *arguments) -> Exception:
    with pytest.raises(DatasetError) as caught:
        function(*arguments)
    return caught.value


@pytest.mark.parametrize("kind", [InputError, NodeProcessDied, FloatingPointError])
def test_an_error_with_its_own_remedy_is_shown_as_it_is(kind):
    said = kind("Lower the learning rate.")
    assert explain(said) == "Lower the learning rate."
    assert explain(caused(DatasetError("Failed while saving"), said)) == "Lower the learning rate."


def test_any_other_error_keeps_its_traceback():
    @explain_input_errors
    def fail():
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        fail()


def test_an_error_while_handling_wrong_input_is_a_bug_and_keeps_its_traceback():
    error = KeyError("a bug")
    error.__context__ = InputError("wrong input")
    assert explain(error) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, "Expected free space for /data/x.png. "),
        (errno.EACCES, "Expected permission to use /data/x.png. "),
        (errno.EROFS, "Expected a disk that can be written for /data/x.png. "),
    ],
)
def test_a_disk_that_refuses_names_path_and_data_root(number, expected):
    message = explain(
        caused(DatasetError("Failed"), OSError(number, "a long\ntext", "/data/x.png"))
    )
    assert message.startswith(expected)
    assert f"Received: {os.strerror(number)}. " in message
    assert "AVSC_DATA_ROOT" in message


@pytest.mark.parametrize("name", ["scores.csv", "with space (1), ü.csv"])
def test_a_full_disk_without_a_path_is_told_by_the_dataset(tmp_path, monkeypatch, name):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    dataset = CSVDataset(filepath=str(tmp_path / name))
    data = type("Table", (), {"to_csv": refuse})()
    message = explain(error_of(dataset.save, data))
    assert message.startswith(f"Expected free space for {tmp_path / name}. Received: No space")


def test_a_missing_file_is_no_disk_error():
    assert explain(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None


@pytest.mark.parametrize(
    ("folder", "phase"), [("06_models/aud_mel", "phase1"), ("08_reporting", "phase2")]
)
def test_a_damaged_json_file_names_the_phase_that_makes_it(tmp_path, folder, phase):
    path = tmp_path / folder / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    message = explain(error_of(JSONDataset(filepath=str(path)).load))
    assert message.startswith(f"Expected a readable file at {path}. It is damaged: ")
    assert message.endswith(f"Delete this file and run kedro run --pipeline={phase}")


@pytest.mark.parametrize("content", [b"", b'a,b\n"1', b"\xff\xfe\x00,\x81"])
def test_a_damaged_csv_file_names_itself(tmp_path, content):
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    assert str(path) in explain(error_of(CSVDataset(filepath=str(path)).load))


def test_damage_of_a_file_that_is_not_ours_keeps_its_traceback():
    error = caused(DatasetError("Failed while loading"), json.JSONDecodeError("bad", "{", 1))
    assert explain(error) is None


def test_the_command_line_exits_with_status_1():
    @explain_input_errors
    def fail():
        raise InputError("Expected a folder.")

    with pytest.raises(click.ClickException, match="Expected a folder") as caught:
        fail()
    assert caught.value.exit_code == 1


def test_misspelt_parameter_lists_what_is_allowed(empty_project):
    message = refused(empty_project, "--params", "fusoin=f5")
    assert "fusoin is not a parameter" in message
    assert "fusion, fusion_layer" in message
    assert not empty_project.data_root.exists()


def test_misspelt_nested_parameter_lists_its_group(empty_project):
    message = refused(empty_project, "--params", "clips.pth=videos")
    assert "clips.pth is not a parameter" in message
    assert "path" in message


def test_unknown_fusion_lists_the_six(empty_project):
    message = refused(empty_project, "--params", "fusion=f9")
    assert "'f1', 'f2', 'f3', 'f4', 'f5' or 'f6'" in message
    assert "'f9'" in message


def test_phase2_before_phase1_names_the_command(empty_project):
    message = refused(empty_project, "--pipeline=phase2", "--params", "fusion=f5")
    assert "kedro run --pipeline=phase1 --env=test" in message


def test_predict_before_training_names_the_command(empty_project):
    message = refused(empty_project, "--pipeline=predict", "--params", "video=x.mp4")
    assert "which no run has made yet" in message


def test_missing_data_root_is_said(empty_project, tmp_path):
    message = refused(
        empty_project, "--pipeline=ingestion", "--params", f"clips.path={tmp_path / 'nowhere'}"
    )
    assert str(tmp_path / "nowhere") in message
    assert "Nothing is there" in message


def test_empty_data_root_is_said(empty_project, tmp_path):
    (tmp_path / "videos").mkdir()
    message = refused(
        empty_project, "--pipeline=ingestion", "--params", f"clips.path={tmp_path / 'videos'}"
    )
    assert str(tmp_path / "videos") in message


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("clip_id,filename,split", "a,a.mp4,train", "scene_label"),
        ("clip_id,filename,scene_label,split", "a,a.mp4,park,train", "a.mp4"),
    ],
)
def test_csv_at_fault_names_file_and_column_or_path(empty_project, tmp_path, header, row, said):
    listing = tmp_path / "clips.csv"
    listing.write_text(f"{header}\n{row}\n")
    message = refused(empty_project, "--pipeline=ingestion", "--params", f"clips.path={listing}")
    assert "clips.csv" in message
    assert said in message


def listing_of(tmp_path, rows) -> str:
    for name in {row[1] for row in rows}:
        (tmp_path / name).write_bytes(b"not a video")
    lines = ["clip_id,filename,scene_label,split,group", *(",".join(row) for row in rows)]
    (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
    return f"clips.path={tmp_path / 'clips.csv'}"


def test_scene_that_train_never_saw_is_an_error(empty_project, tmp_path):
    path = listing_of(
        tmp_path,
        [
            ("a", "a.mp4", "park", "train", "1"),
            ("b", "b.mp4", "tram", "train", "2"),
            ("c", "c.mp4", "bus", "eval", "3"),
        ],
    )
    message = refused(empty_project, "--pipeline=ingestion", "--params", path)
    assert "Received bus in eval only" in message


def test_empty_split_is_an_error(empty_project, tmp_path):
    path = listing_of(
        tmp_path,
        [("a", "a.mp4", "park", "train", "1"), ("b", "b.mp4", "tram", "train", "2")],
    )
    message = refused(empty_project, "--pipeline=ingestion", "--params", path)
    assert "Expected clips in the split eval" in message


def test_leak_names_the_group(empty_project, tmp_path):
    path = listing_of(
        tmp_path,
        [
            ("a", "a.mp4", "park", "train", "station-7"),
            ("b", "b.mp4", "tram", "train", "2"),
            ("c", "c.mp4", "park", "eval", "station-7"),
        ],
    )
    message = refused(empty_project, "--pipeline=ingestion", "--params", path)
    assert "station-7 in eval and train" in message


def test_python_m_runs_the_project_too(empty_project):
    import subprocess
    import sys
    from pathlib import Path

    done = subprocess.run(
        [sys.executable, "-m", "avsc_kedro", "--params", "fusion=f9"],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "'f9'" in done.stderr
