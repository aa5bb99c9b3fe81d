"""Both reports on made-up results: their scores, tables, pictures and page."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.runner import SequentialRunner

from avsc_kedro import figures, metrics, paper
from avsc_kedro.datasets.png import SIGNATURE, PngDataset
from avsc_kedro.datasets.published import (
    PublishedCSVDataset,
    PublishedJSONDataset,
    PublishedTextDataset,
)
from avsc_kedro.errors import InputError
from avsc_kedro.options import (
    AudioBackboneOptions,
    ClipsOptions,
    FeaturesOptions,
    FusionOptions,
    VisualBackboneOptions,
)
from avsc_kedro.pipelines.reporting import drawings, provenance
from avsc_kedro.pipelines.reporting.nodes import list_trainings
from avsc_kedro.pipelines.reporting.pipeline import (
    PICTURES,
    create_pipeline,
    create_table_pipeline,
)
from avsc_kedro.predictions import tabulate_predictions
from avsc_kedro.stores.embeddings import Embeddings

RNG = np.random.default_rng(0)
OTHER_SCENES = ("kitchen", "lab", "office")
CLIPS_PER_SCENE = {"train": 2, "validation": 1, "eval": 3}
TABLES = (
    "score_table",
    "table_1",
    "table_2",
    "branches",
    "findings",
    "feature_options",
    "trainings",
    "provenance",
)
ROWS = {"report": ("fusion",), "paper_tables": paper.AUDIO_VISUAL_FUSIONS}
CREATE = {"report": create_pipeline, "paper_tables": create_table_pipeline}

TRAINING = {
    "epochs": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "l2_lambda": 1e-5,
    "mixup": {"distribution": "beta", "alpha": 0.4},
}
BACKBONE = {"training": TRAINING, "batch_norm_momentum": 0.9, "head_dropout": 0.2}
AUDIO = AudioBackboneOptions(**BACKBONE, widths=(8, 8, 16, 16))
VISUAL = VisualBackboneOptions(
    **BACKBONE,
    weights="imagenet",
    frames_per_clip=4,
    augmentation={"flip": True, "crop_min_fraction": 0.8},
    fine_tuning={"head_epochs": 2},
)
BANDS = {"bands": 16, "fmin_hz": 20, "fmax_hz": 16000}
FEATURES = FeaturesOptions(
    audio={"sample_rate_hz": 32000, "duration_s": 2},
    stft={"n_fft": 4096, "window_length": 2560, "hop_length": 448, "floor_power": 1e-16},
    mel=BANDS,
    gam=BANDS,
    cqt={"bands": 16, "fmin_hz": 20, "bins_per_octave": 12},
    rgb={"frames_per_second": 2, "size_px": 32},
)


def make_clips(scenes):
    rows = [
        (f"{scene}-{split}-{i}", f"{i}.wav", f"{i}.mp4", scene, split, f"{scene}-{split}")
        for scene in scenes
        for split, count in CLIPS_PER_SCENE.items()
        for i in range(count)
    ]
    columns = ["clip_id", "audio_path", "video_path", "scene", "split", "group"]
    return pd.DataFrame(rows, columns=columns)


def make_predictions(clips, scenes, skill):
    truth = pd.Index(scenes).get_indexer(clips["scene"])
    logits = RNG.normal(size=(len(clips), len(scenes))) + skill * np.eye(len(scenes))[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return tabulate_predictions(clips, probabilities, list(scenes))


def make_history(epochs=4):
    loss = np.linspace(2, 0.7, epochs)
    table = {"epoch": range(1, epochs + 1), "loss": loss, "accuracy": 1 - loss / 3}
    held_out = {"val_loss": loss + 0.2, "val_accuracy": 0.9 - loss / 3}
    return pd.DataFrame({**table, **held_out, "seconds": 1.0, "stage": "train"})


def make_summary(branch, classes):
    stages = {
        "audio": [
            ("spectrogram", (128, 309, 2), 0),
            ("deltas", (128, 305, 6), 0),
            ("input_constants", (128, 305, 6), 13),
            ("double", (64, 152, 64), 37_000),
            ("residual1", (32, 76, 128), 410_000),
            ("residual2", (16, 38, 256), 1_600_000),
            ("residual3", (16, 38, 512), 6_500_000),
            ("pooled", (512,), 0),
        ],
        "visual": [
            ("frame", (224, 224, 3), 0),
            ("to_minus_one_to_one", (224, 224, 3), 0),
            (branch.architecture, (2048,), 21_800_000),
        ],
    }[branch.modality]
    head = [("fc1024", (1024,), 525_312), ("head_dropout", (1024,), 0)]
    head += [("fc10", (classes,), 10_250), ("softmax", (classes,), 0)]
    names = ("title", "output_shape", "parameters")
    return {
        "network": branch.name,
        "trainable_parameters": 9_000_000,
        "best_epoch": 3,
        "recipe": f"recipe of {branch.features}",
        "model_digest": f"{branch.name} network {'0' * 32}",
        "features_digest": f"{branch.features} features {'0' * 32}",
        "stages": [dict(zip(names, (t, list(s), p), strict=True)) for t, s, p in (*stages, *head)],
    }


def make_fusion_summary(row):
    branches = paper.FUSION_BY_NAME[row].branches
    return {
        "fusion": row,
        "model_digest": f"{row} network {'0' * 32}",
        "best_epoch": 3,
        "embeddings": {
            name: {
                "digest": f"{name} vectors {'0' * 32}",
                "model_digest": f"{name} network {'0' * 32}",
            }
            for name in branches
        },
    }


def make_store(kind, clips):
    shape = FEATURES.shape(kind)
    if kind == "rgb":
        return {clip: RNG.integers(0, 255, shape, dtype=np.uint8) for clip in clips["clip_id"]}
    ramp = np.linspace(-30, -80, shape[0])[:, None, None]
    return {clip: (ramp + RNG.normal(0, 5, shape)).astype("f4") for clip in clips["clip_id"]}


def make_inputs(prefix, scenes, options, failures=()):
    clips = make_clips(scenes)
    columns = ["clip_id", "features", "path", "expected", "received", "remedy"]
    counts = pd.crosstab(clips["scene"], clips["split"])[list(CLIPS_PER_SCENE)]
    data = {
        "usable_clips": clips,
        "failed_clips": pd.DataFrame(list(failures), columns=columns),
        "clip_counts": counts.rename_axis(columns=None).reset_index(),
        "params:fusion": "f4",
        "params:clips": options,
        "params:seed": 7,
        "params:features": FEATURES,
        "params:fusion_layer": FusionOptions(training=TRAINING, dropout=0.2),
        "params:backbones.vis_inc.weights": "imagenet",
        "params:backbones.vis_conv.weights": "none",
        **{f"{kind}_features": make_store(kind, clips) for kind in paper.FEATURE_KINDS},
    }
    for branch in paper.BRANCHES:
        data[f"{branch.name}.history"] = make_history()
        data[f"{branch.name}.summary"] = make_summary(branch, len(scenes))
        data[f"{branch.name}.predictions"] = make_predictions(clips, scenes, 2)
        is_audio = branch.modality == "audio"
        data[f"params:backbones.{branch.name}"] = AUDIO if is_audio else VISUAL
    for row in (*ROWS[prefix], *paper.SINGLE_MODALITY_ROWS):
        vectors = {"audio_visual": RNG.normal(size=(len(clips), 10)).astype("f4")}
        data[f"{row}.history"] = make_history(12)
        data[f"{row}.summary"] = make_fusion_summary("f4" if row == "fusion" else row)
        data[f"{row}.predictions"] = make_predictions(clips, scenes, 4)
        data[f"{row}.audio_visual_embedding"] = Embeddings(
            list(clips["clip_id"]), list(clips["split"]), list(scenes), vectors, {}
        )
    return data


def make_output(folder, name):
    if name.endswith(TABLES):
        return PublishedCSVDataset(filepath=f"{folder}/{name}.csv", save_args={"index": False})
    if name.endswith(PICTURES):
        return PngDataset(filepath=f"{folder}/{name}.png")
    kind = PublishedJSONDataset if name.endswith("scores") else PublishedTextDataset
    return kind(filepath=f"{folder}/{name}")


def run(prefix, data, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # dots in the names of datasets
        pipeline = CREATE[prefix]()
    assert pipeline.inputs() <= data.keys()
    sources = {n: MemoryDataset(data[n], copy_mode="assign") for n in pipeline.inputs()}
    outputs = {name: make_output(folder, name) for name in pipeline.all_outputs()}
    SequentialRunner().run(pipeline, DataCatalog({**sources, **outputs}))
    return {n.removeprefix(f"{prefix}."): dataset.load() for n, dataset in outputs.items()}


@pytest.fixture(scope="module")
def tau(tmp_path_factory):
    options = ClipsOptions(source="tau", path="/tau", data_set="tau2021")
    cause = ("/tau/bus-9.mp4", "a sound track", "none", "Add one.")
    failures = [("bus-9", kind, *cause) for kind in ("mel", "gam", "cqt")]
    failures.append(("bus-9", "rgb", "/tau/bus-9.mp4", "10 s of pictures", "2 s", "Export again."))
    data = make_inputs("paper_tables", paper.SCENES, options, failures)
    return data, run("paper_tables", data, tmp_path_factory.mktemp("tau"))


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    data = make_inputs("report", paper.SCENES, ClipsOptions())
    return run("report", data, tmp_path_factory.mktemp("synthetic"))


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    options = ClipsOptions(source="folder", path="/rooms", data_set="rooms")
    data = make_inputs("report", OTHER_SCENES, options)
    return run("report", data, tmp_path_factory.mktemp("other"))


def test_every_output_has_the_type_its_dataset_saves(synthetic):
    assert synthetic.keys() == {"scores", "report_page", *TABLES, *PICTURES}
    assert all(len(synthetic[name]) for name in TABLES)
    assert all(synthetic[name].startswith(SIGNATURE) for name in PICTURES)
    assert isinstance(synthetic["report_page"], str)


def test_scores_are_plain_data_of_every_row_and_branch(tau):
    data, outputs = tau
    scores = json.loads(json.dumps(outputs["scores"]))
    assert list(scores["rows"]) == [*paper.AUDIO_VISUAL_FUSIONS, *paper.SINGLE_MODALITY_ROWS]
    assert list(scores["branches"]) == list(paper.BRANCH_NAMES)
    assert scores["rows"]["f2"]["accuracy"] == metrics.accuracy(data["f2.predictions"])
    assert scores["clips"] == {"train": 20, "validation": 10, "eval": 30}
    assert (scores["failed_clips"], scores["seed"], scores["data_set"]) == (1, 7, "tau2021")


def test_the_chosen_fusion_goes_by_its_own_name(synthetic):
    assert list(synthetic["scores"]["rows"]) == ["f4", *paper.SINGLE_MODALITY_ROWS]
    assert "f4 (paper)" in synthetic["table_1"]
    assert "audio and visual (f4)" in synthetic["report_page"]


def test_meta_classes_are_scored_for_taus_scenes_only(synthetic, other):
    table = synthetic["score_table"].set_index("Row")
    row = synthetic["scores"]["rows"]["audio_only"]
    assert table.loc["audio only (f4)", "Indoor (%)"] == pytest.approx(
        100 * row["indoor"], abs=0.051
    )
    assert table.loc["audio only (f4)", "Log loss"] == pytest.approx(row["log_loss"], abs=0.00051)
    assert "Indoor (%)" not in other["score_table"]


def test_all_eight_rows_stand_in_table_1_beside_the_paper(tau):
    columns = list(tau[1]["table_1"])
    ours = [paper.FUSION_BY_NAME[n].title for n in tau[1]["scores"]["rows"]]
    assert [c for c in columns[1:] if not c.endswith("(paper)")] == ours
    assert sum(c.endswith("(paper)") for c in columns) == 6
    assert not (tau[1]["findings"]["holds"] == "not run").any()


def test_table_2_says_what_our_row_was_measured_on(tau, synthetic):
    assert tau[1]["table_2"]["Note"].iloc[-1] == "f4, 30 evaluation clips of tau2021"
    assert synthetic["table_2"]["Note"].iloc[-1] == "f4, 30 synthetic clips: not comparable"


def test_made_up_clips_are_called_so(tau, synthetic, other):
    assert "Synthetic data." in synthetic["report_page"]
    assert all("Synthetic data." not in page["report_page"] for page in (tau[1], other))
    holds = synthetic["findings"].set_index("finding")["holds"]
    assert holds["gain over the DCASE baseline (77.4)"] == "other data"


def test_other_labels_stand_beside_no_column_of_the_paper(other):
    assert list(other["table_1"]["Category"]) == ["Kitchen", "Lab", "Office", "Overall", "Macro"]
    assert not any("(paper)" in column for column in other["table_1"])
    assert "(paper)" not in other["report_page"]


def test_page_lists_failed_clips_only_if_there_are_any(tau, other):
    assert "could not be read: 1." in tau[1]["report_page"]
    rows = re.findall(r"<tr>(<th[^>]*>bus-9.*?)</tr>", tau[1]["report_page"])
    assert [re.findall(r">([^<]+)</t[hd]>", row) for row in rows] == [
        ["bus-9", "mel, gam, cqt", "/tau/bus-9.mp4", "a sound track", "none", "Add one."],
        ["bus-9", "rgb", "/tau/bus-9.mp4", "10 s of pictures", "2 s", "Export again."],
    ]
    assert ">What to do</th>" in tau[1]["report_page"]
    assert "could not be read" not in other["report_page"]


def test_page_holds_every_picture_and_needs_nothing_else(synthetic):
    page = synthetic["report_page"]
    assert len(re.findall(r'<img src="data:image/png;base64,', page)) == len(PICTURES)
    assert "http" not in page


def test_settings_are_those_that_were_given(synthetic):
    features = synthetic["feature_options"].set_index("Feature")["Of one clip"]
    assert features["MEL, GAM"] == "window 80 ms, hop 14 ms"
    assert features["RGB array"] == "4 × 32 × 32 × 3"
    trainings = synthetic["trainings"].set_index("Training")
    assert trainings.loc["Vis-INC", "Weights at the start"] == "ImageNet"
    assert trainings.loc["Vis-INC", "Augmentation"] == "flip, crop_min_fraction 0.8"
    assert trainings.loc["Vis-INC", "Fine-tuning"] == "head_epochs 2"
    assert trainings.loc["Aud-MEL", ["Augmentation", "Fine-tuning"]].tolist() == ["none", "none"]
    assert trainings.loc["Fusions", "Mixup"] == "beta(0.4)"
    assert list(synthetic["branches"]["Epoch kept"]) == [3] * 5


def test_how_random_weights_start_is_told():
    shared = {**BACKBONE, "frames_per_clip": 1}
    inception = VisualBackboneOptions(**shared, weights="none")
    convnext = VisualBackboneOptions(**shared, weights="none", layer_scale=0.5)
    starts = {"weights_start": "equal_modalities", "dense_start": "identity"}
    fusions = FusionOptions(training=TRAINING, dropout=0, **starts)
    table = list_trainings(AUDIO, AUDIO, AUDIO, inception, convnext, fusions)
    assert list(table["Weights at the start"]) == [
        *["random"] * 4,
        "random, LayerScale 0.5",
        "random, fusion layer of f4 to f6 equal modalities, dense layer of f4 to f6 identity",
    ]


def test_provenance_lists_stores_backbones_embeddings_and_the_fusions_shown(tau, synthetic):
    table = synthetic["provenance"].set_index("What")
    assert list(table.index) == [
        *(f"{kind} features" for kind in ("MEL", "GAM", "CQT", "RGB")),
        *(f"{branch.title} network" for branch in paper.BRANCHES),
        *(f"{branch.title} embeddings" for branch in paper.BRANCHES),
        *("Fusion f4", "Fusion audio only (f4)", "Fusion visual only (f4)"),
    ]
    assert table.loc["RGB features", "Made from"] == "recipe recipe of rgb"
    assert table.loc["Vis-INC embeddings", "Made from"] == "Vis-INC network, RGB features"
    assert table.loc["Fusion visual only (f4)", "Made from"].endswith("of Vis-INC, Vis-CONV")
    assert table.loc["Fusion f4", "Digest"] == f"f4 network {'0' * 32}"
    assert len(tau[1]["provenance"]) == 4 + 5 + 5 + 8


def test_the_page_shows_twelve_digits_of_each_digest(synthetic):
    assert ">Provenance<" in synthetic["report_page"]
    assert ">f4 network 0<" in synthetic["report_page"]


def summaries_of(*rows):
    branches = {branch.name: make_summary(branch, 10) for branch in paper.BRANCHES}
    return branches | {row: make_fusion_summary(row) for row in rows}


def test_a_fusion_of_other_backbones_is_not_reported():
    summaries = summaries_of("audio_only", "visual_only", "f1")
    summaries["aud_gam"]["model_digest"] = "newer"
    with pytest.raises(InputError, match=r"embeddings that another aud_gam made.*pipeline=phase2"):
        provenance.list_provenance("f1", **summaries)


def test_fusions_of_other_embeddings_are_not_reported_together():
    summaries = summaries_of("audio_only", "visual_only", "f1")
    summaries["f1"]["embeddings"]["vis_inc"]["digest"] = "older"
    with pytest.raises(InputError, match=r"visual_only and f1 .*other emb.*--params fusion=f1"):
        provenance.list_provenance("f1", **summaries)


def test_branches_of_other_frames_are_not_reported_together():
    summaries = summaries_of("audio_only", "visual_only", "f1")
    summaries["vis_conv"]["features_digest"] = "newer"
    with pytest.raises(InputError, match="phase1 --namespaces=vis_conv"):
        provenance.list_provenance("f1", **summaries)


def test_results_from_before_digests_were_kept_are_not_reported():
    summaries = summaries_of("audio_only", "visual_only")
    for summary in summaries.values():
        for key in ("model_digest", "features_digest", "embeddings"):
            summary.pop(key, None)
    with pytest.raises(InputError, match="Received none"):
        provenance.list_provenance("f1", fusion={}, **summaries)


def test_a_refit_is_left_out_of_the_curves():
    history = make_history()
    both = pd.concat([history, history.assign(stage="refit", val_loss=np.nan)])
    assert drawings.draw_branch_curves(f4=both) == drawings.draw_branch_curves(f4=history)


def test_epochs_of_the_head_alone_come_before_the_first(monkeypatch):
    head, whole, again = (
        make_history().assign(stage=stage) for stage in ("train_head", "train", "refit")
    )
    drawn = {}
    monkeypatch.setattr(figures, "draw_training_curves", drawn.update)
    monkeypatch.setattr(figures, "figure_png", lambda figure: b"")
    drawings.draw_branch_curves(vis_inc=pd.concat([head, whole, again]))
    first = 1 - len(head)
    assert list(drawn["vis_inc"]["epoch"]) == list(range(first, len(whole) + 1))


def test_two_evaluation_clips_are_mapped_among_all_clips():
    clips = make_clips(["bus", "tram"]).groupby(["scene", "split"]).head(1)
    vectors = {"audio_visual": RNG.normal(size=(len(clips), 4))}
    embeddings = Embeddings(
        list(clips["clip_id"]), list(clips["split"]), ["park", "tram"], vectors, {}
    )
    assert drawings.draw_embedding_map("f1", clips, 0, fusion=embeddings).startswith(SIGNATURE)


def test_stages_get_the_titles_of_the_figures():
    layers = drawings._layers(make_summary(paper.BRANCHES[0], 4))
    titles = [title for title, _, _ in layers]
    assert titles[3:5] == ["Double inception 64", "Residual inception 128"]
    assert titles[-4:] == ["Global average pooling", "FC(1024)", "FC(4)", "Softmax"]


class ReadRows(dict):
    """A store that remembers whose rows were read."""

    def __init__(self, rows):
        super().__init__(rows)
        self.read = []

    def __getitem__(self, clip):
        self.read.append(clip)
        return super().__getitem__(clip)


def test_one_clip_of_each_scene_is_read_and_drawn(monkeypatch):
    clips = make_clips(["tram", "bus", "park"])
    clips = clips[(clips["scene"] != "park") | (clips["split"] == "train")]
    stores = {kind: ReadRows(make_store(kind, clips)) for kind in paper.FEATURE_KINDS}
    drawn = []
    draw = figures.draw_features
    monkeypatch.setattr(figures, "draw_features", lambda c, **k: drawn.extend(c) or draw(c, **k))
    assert drawings.draw_features_by_scene(FEATURES, clips, **stores).startswith(SIGNATURE)
    assert [(row.name, row.clip_id) for row in drawn] == [
        ("Bus", "bus-eval-0"),
        ("Park", "park-train-0 (train)"),
        ("Tram", "tram-eval-0"),
    ]
    for store in stores.values():
        assert set(store.read) == {"bus-eval-0", "park-train-0", "tram-eval-0"}


def test_png_is_loaded_as_it_was_saved_and_previewed(tmp_path):
    dataset = PngDataset(filepath=str(tmp_path / "deep" / "a.png"))
    dataset.save(SIGNATURE + b"rest")
    assert dataset.load() == SIGNATURE + b"rest"
    assert dataset.preview() == "iVBORw0KGgpyZXN0"
    with pytest.raises(DatasetError, match="bytes of a PNG"):
        dataset.save(b"<html>")


def test_pipelines_are_listed_without_matplotlib_or_keras():
    code = (
        "import sys; from avsc_kedro.pipelines.reporting.pipeline import create_pipeline;"
        "print({'matplotlib', 'keras', 'tensorflow'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "set()", printed.stderr
