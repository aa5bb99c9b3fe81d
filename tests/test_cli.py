"""Wrong input on the command line: one message, exit status 1, no traceback, no work."""

import pytest


def refused(project, *arguments: str) -> str:
    done = project.run(*arguments, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Error: " in done.stderr
    return done.stderr


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
