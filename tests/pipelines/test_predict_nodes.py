"""A video is classified by the networks of one training only. Networks here are texts."""

import pytest

from avsc_kedro import classifier, paper
from avsc_kedro.classifier import Verdict
from avsc_kedro.errors import InputError
from avsc_kedro.features import make_recipe
from avsc_kedro.freshness.plan import ALWAYS
from avsc_kedro.models import files
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.pipelines.predict import create_pipeline, nodes

BANDS = {"bands": 16, "fmin_hz": 20, "fmax_hz": 16000}
FEATURES = FeaturesOptions(
    audio={"sample_rate_hz": 32000, "duration_s": 2},
    stft={"n_fft": 4096, "window_length": 2560, "hop_length": 448, "floor_power": 1e-16},
    mel=BANDS,
    gam=BANDS,
    cqt={"bands": 16, "fmin_hz": 20, "bins_per_octave": 12},
    rgb={"frames_per_second": 2, "size_px": 32},
)


class FakeClassifier:
    def __init__(self, backbones, fusions, labels, features):
        self.fusions = fusions

    def classify(self, path):
        return Verdict({name: {"park": 0.7, "tram": 0.3} for name in self.fusions}, 2.0, 2.0)


@pytest.fixture(autouse=True)
def texts_as_networks(monkeypatch):
    monkeypatch.setattr(classifier, "Classifier", FakeClassifier)
    monkeypatch.setattr(files, "digest_weights", lambda model: f"digest of {model}")


@pytest.fixture
def trained():
    """Everything that `predict_scene` takes of one training."""
    given = {}
    for branch in paper.BRANCHES:
        recipe = make_recipe(branch.features, FEATURES).id
        given[branch.name] = branch.name
        given[f"{branch.name}_summary"] = {
            "recipe": recipe,
            "model_digest": f"digest of {branch.name}",
        }
    for row, name in (("f5", "fused"), *((r, r) for r in paper.SINGLE_MODALITY_ROWS)):
        embeddings = {
            branch: {"digest": "vectors", "model_digest": f"digest of {branch}"}
            for branch in paper.FUSION_BY_NAME[row].branches
        }
        summary = {"model_digest": f"digest of {row}", "embeddings": embeddings}
        given |= {name: row, f"{name}_summary": summary}
    return given


@pytest.fixture
def predict(tmp_path, trained):
    video = tmp_path / "tram.mp4"
    video.touch()
    return lambda: nodes.predict_scene(str(video), ["park", "tram"], FEATURES, "f5", **trained)


def test_networks_of_one_training_answer(predict):
    answer = predict()
    assert answer["scene"] == "park"
    assert list(answer["scores"]) == ["f5", *paper.SINGLE_MODALITY_ROWS]


def test_a_backbone_that_was_trained_anew_wants_new_fusions(trained, predict):
    trained["vis_inc"] = "newer"
    trained["vis_inc_summary"]["model_digest"] = "digest of newer"
    with pytest.raises(InputError) as caught:
        predict()
    assert "f5 was trained on embeddings that another vis_inc made" in str(caught.value)
    assert "kedro run --pipeline=phase2 --params fusion=f5" in str(caught.value)


def test_a_single_modality_of_other_backbones_is_refused(trained, predict):
    trained["audio_only_summary"]["embeddings"]["aud_cqt"]["model_digest"] = "older"
    with pytest.raises(InputError, match=r"audio_only was trained .* --pipeline=phase2 with"):
        predict()


@pytest.mark.parametrize(
    ("name", "command"),
    [("aud_gam", "phase1 --namespaces=aud_gam"), ("visual_only", "phase2"), ("fused", "phase2")],
)
def test_a_network_without_its_own_summary_is_refused(trained, predict, name, command):
    trained[name] = "newer"
    with pytest.raises(InputError, match=rf"of two trainings.*--pipeline={command}"):
        predict()


def test_summaries_from_before_digests_were_kept_are_refused(trained, predict):
    trained["fused_summary"] = {}
    with pytest.raises(InputError, match=r"digest none, as in f5.summary"):
        predict()


def test_other_features_are_refused(trained, predict):
    trained["aud_mel_summary"]["recipe"] = "older"
    with pytest.raises(InputError, match="features of recipe older"):
        predict()


@pytest.mark.filterwarnings("ignore:One or more dataset names")
def test_the_step_reads_a_video_and_so_always_runs():
    (node,) = create_pipeline().nodes
    assert ALWAYS in node.tags
