"""The whole system on the synthetic set at the size of conf/test, by the user's commands."""

import json
import shutil

import h5py
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from avsc_kedro import paper
from avsc_kedro.publish import digest_file
from tests.test_notebooks import NOTEBOOKS

pytestmark = pytest.mark.end_to_end


def test_stores_models_and_report_are_where_the_catalog_says(trained_project):
    for kind in paper.FEATURE_KINDS:
        assert trained_project.latest(f"04_feature/embedded/{kind}/*/index.json").is_file()
    for branch in paper.BRANCH_NAMES:
        assert trained_project.latest(f"06_models/embedded/{branch}/model.keras/*/model.keras")
    page = trained_project.latest("08_reporting/embedded/report/report.html/*/report.html")
    text = page.read_text()
    assert "ynthetic" in text
    assert "data:image/png;base64," in text
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_predictions_are_probabilities_of_every_clip(trained_project):
    for name in (*paper.BRANCH_NAMES, "f4", *paper.SINGLE_MODALITY_ROWS):
        table = predictions_of(trained_project, name)
        probabilities = table[[c for c in table.columns if c.startswith("p_")]]
        assert probabilities.shape[1] == len(paper.SCENES)
        assert probabilities.sum(axis=1).sub(1).abs().max() < 1e-4
        assert set(table["split"]) == {"train", "validation", "eval"}


def test_second_run_does_nothing_and_says_so(trained_project):
    trained_project.run()
    done = trained_project.kedro_watched("run", "--env=test")
    told = done.stderr.splitlines()
    assert "aud_mel.train: up to date" in told
    assert not [line for line in told if ": runs, " in line or "for the first time" in line]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen == {"imported": [], "decoded": [], "opened": []}


def test_two_runs_at_the_same_time_train_a_branch_each(trained_project):
    """As two machines would that share the folder; the run after them trains the other three."""
    trained = {run: trainings_in(lines) for run, lines in trained_project.told.items()}
    assert trained["aud_mel"] == {"Aud-MEL"}
    assert trained["aud_cqt"] == {"Aud-CQT"}
    titles = {branch.title for branch in paper.BRANCHES}
    assert trained["all"] & titles == titles - {"Aud-MEL", "Aud-CQT"}
    assert {len(networks_of(trained_project, branch)) for branch in paper.BRANCH_NAMES} == {1}
    assert not list(trained_project.data_root.glob("06_models/embedded/*/checkpoints/*"))


def test_a_forced_training_gives_the_same_network_and_changes_no_other(trained_project):
    told = trained_project.run("--force", "aud_cqt.train").stderr.splitlines()
    first, second = networks_of(trained_project, "aud_cqt")
    assert first.read_bytes() == second.read_bytes()
    # Only the curves are drawn anew beside it: they show how long the epochs took.
    assert {line.partition(":")[0] for line in told if ": runs, " in line} == {
        "aud_cqt.train",
        "report.draw_branch_curves",
    }
    others = set(paper.BRANCH_NAMES) - {"aud_cqt"}
    assert {len(networks_of(trained_project, branch)) for branch in others} == {1}


def test_the_manifest_tells_what_a_run_did(trained_project):
    trained_project.run("--force", "aud_cqt.predict")
    path = trained_project.latest("08_reporting/embedded/runs/manifest.json/*/manifest.json")
    manifest = json.loads(path.read_text())
    steps = {step["step"]: step for step in manifest["steps"]}
    assert manifest["status"] == "completed"
    assert manifest["options"]["seed"] == 0
    assert manifest["packages"]["keras"]
    assert steps["aud_mel.train"]["state"] == "skipped"
    assert steps["aud_cqt.predict"]["state"] == "done"
    assert steps["aud_cqt.predict"]["reason"] == "forced"
    for output in steps["aud_cqt.predict"]["outputs"].values():
        assert digest_file(output["path"]) == output["digest"]


def test_embeddings_of_another_network_are_refused(trained_project):
    newest = trained_project.latest("07_model_output/embedded/vis_inc/embeddings.h5/*")
    other = trained_project.latest("07_model_output/embedded/vis_conv/embeddings.h5/*/*.h5")
    copy = newest.with_name("9999-01-01T00.00.00.000Z")
    copy.mkdir()
    shutil.copy(other, copy)
    done = trained_project.run("--pipeline=phase2", check=False)
    shutil.rmtree(copy)
    assert done.returncode == 1
    assert "vis_inc" in done.stderr.partition("Error: ")[2]
    assert "kedro run --pipeline=phase1" in done.stderr.partition("Error: ")[2]
    assert "Traceback" not in done.stderr


def test_another_fusion_stands_beside_the_first(trained_project):
    trained_project.run("--pipeline=phase2", "--params", "fusion=f5")
    for name in ("f4", "f5"):
        path = trained_project.latest(
            f"07_model_output/embedded/{name}/audio_visual_embedding.h5/*/*.h5"
        )
        with h5py.File(path) as file:
            assert file["vectors/audio_visual"].shape == (60, 10)


def test_eight_rows_with_the_paper_s_embedding_sizes(trained_project):
    trained_project.run("--pipeline=paper_tables")
    sizes = {"f1": 1024, "f2": 1024, "f3": 2048, "f4": 10, "f5": 10, "f6": 20}
    for name, size in sizes.items():
        path = trained_project.latest(
            f"07_model_output/embedded/{name}/audio_visual_embedding.h5/*/*.h5"
        )
        with h5py.File(path) as file:
            assert file["vectors/audio_visual"].shape == (60, size)
    table = pd.read_csv(
        trained_project.latest("08_reporting/embedded/paper_tables/table_1.csv/*/*.csv")
    )
    assert {*sizes, "f4 (paper)"} <= set(table.columns)


def test_prediction_answers_for_one_video(trained_project):
    # The synthetic set keeps sound apart, as TAU does; join them as a phone would.
    stem = sorted(trained_project.data_root.glob("01_raw/embedded/video/*.mp4"))[0].stem
    video = join_sound_and_pictures(trained_project, stem)
    done = trained_project.run("--pipeline=predict", "--params", f"video={video}")
    assert "sound alone" in done.stdout
    assert "pictures alone" in done.stdout
    answer = json.loads(
        trained_project.latest(
            "07_model_output/embedded/prediction.json/*/prediction.json"
        ).read_text()
    )
    assert answer["scene"] in paper.SCENES
    # The clip is one of those that were stored and scored: the same way must say the same.
    for name, scores in answer["scores"].items():
        table = predictions_of(trained_project, name).set_index("clip_id")
        stored = {scene: table.loc[stem, f"p_{scene}"] for scene in scores}
        assert scores == pytest.approx(stored, abs=1e-4)


def test_prediction_of_a_video_that_is_not_there_is_one_line(trained_project):
    done = trained_project.run(
        "--pipeline=predict", "--params", "video=no-such-video.mp4", check=False
    )
    assert done.returncode == 1
    assert "Nothing is there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_clip_that_does_not_decode_is_reported_and_the_rest_goes_on(trained_project, tmp_path):
    source = sorted(trained_project.data_root.glob("01_raw/embedded/video/*.mp4"))
    rows = []
    for path in source:
        sound = path.parents[1] / "audio" / f"{path.stem}.wav"
        scene, city, location, _ = path.stem.split("-")
        split = "eval" if int(location) % 2 else "train"
        rows.append((path.stem, sound, path, scene, split, f"{city}-{location}"))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"garbage")
    rows[0] = (*rows[0][:2], broken, *rows[0][3:])
    columns = ["clip_id", "audio_filename", "video_filename", "scene_label", "split", "group"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "clips.csv", index=False)
    done = trained_project.run(
        "--pipelines=ingestion,features", "--params", f"clips.path={tmp_path / 'clips.csv'}"
    )
    assert "1 of 60 clips could not be decoded" in done.stderr
    assert "broken.mp4" in done.stderr
    failures = pd.read_csv(trained_project.latest("02_intermediate/clips-*/failed_clips.csv"))
    assert failures["clip_id"].tolist() == [rows[0][0]]
    usable = pd.read_csv(trained_project.latest("02_intermediate/clips-*/usable_clips.csv"))
    assert len(usable) == 59


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, trained_project, monkeypatch):
    monkeypatch.setenv("AVSC_DATA_ROOT", str(trained_project.data_root))
    monkeypatch.setenv("KEDRO_ENV", "test")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)


def networks_of(project, branch):
    """The versions of a branch's network, oldest first."""
    return sorted(project.data_root.glob(f"06_models/embedded/{branch}/model.keras/*/model.keras"))


def trainings_in(told):
    """The trainings that came to their end in a run, from what it said."""
    return {line.partition(":")[0] for line in told if " steps, done after " in line}


def predictions_of(project, name):
    return pd.read_csv(project.latest(f"07_model_output/embedded/{name}/predictions.csv/*/*.csv"))


def join_sound_and_pictures(project, stem):
    import av

    video = project.data_root / "01_raw/embedded/video" / f"{stem}.mp4"
    sound = video.parents[1] / "audio" / f"{stem}.wav"
    joined = project.data_root / "joined.mkv"
    with av.open(video) as pictures, av.open(sound) as audio, av.open(joined, "w") as output:
        streams = {
            container: output.add_stream_from_template(container.streams[0])
            for container in (pictures, audio)
        }
        for container, stream in streams.items():
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    output.mux(packet)
    return joined
