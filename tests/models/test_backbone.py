import keras
import numpy as np
import pytest

from avsc_kedro.models import phase1
from avsc_kedro.models.backbone import count_trainable_parameters, embedding_model
from avsc_kedro.models.files import load_model, save_model
from avsc_kedro.models.summary import summarise_network
from avsc_kedro.pipelines.backbones import nodes
from avsc_kedro.source_code import code_digests

NO_RESULT = ("checkpoints", "exhaustion", "finite", "observers")
SPECTROGRAMS = np.random.default_rng(0).normal(-60, 20, (3, 16, 17, 2)).astype(np.float32)


def batch_norms(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_embeddings_are_cut_after_relu_and_before_softmax(audio_backbone):
    network = audio_backbone(classes=4)
    outputs = embedding_model(network).predict_on_batch(SPECTROGRAMS)
    assert {name: values.shape for name, values in outputs.items()} == {
        "fc1024": (3, 1024),
        "fc10": (3, 4),
        "probabilities": (3, 4),
    }
    assert outputs["fc1024"].min() == 0
    assert outputs["fc1024"].max() > 0
    np.testing.assert_allclose(softmax(outputs["fc10"]), outputs["probabilities"], atol=1e-6)
    np.testing.assert_allclose(network(SPECTROGRAMS), outputs["probabilities"], atol=1e-6)
    kernel, bias = network.get_layer("fc10").get_weights()
    np.testing.assert_allclose(
        outputs["fc1024"] @ kernel + bias, outputs["fc10"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("name", "count"), [("vis_inc", 94), ("vis_conv", 0)])
def test_momentum_reaches_nested_networks(visual_backbones, name, count):
    found = list(batch_norms(visual_backbones[name]))
    assert len(found) == count
    assert all(layer.momentum == 0.75 for layer in found)


def test_momentum_of_the_audio_network(audio_backbone):
    found = list(batch_norms(audio_backbone()))
    assert len(found) == 2 + 3 * (2 + 6)
    assert all(layer.momentum == 0.75 for layer in found)


def test_head_dropout_acts_between_the_two_embeddings(audio_backbone):
    network = audio_backbone(head_dropout=0.4)
    dropout = network.get_layer("head_dropout")
    assert dropout.rate == 0.4
    assert dropout.input is network.get_layer("fc1024").output
    assert network.get_layer("fc10").input is dropout.output


def test_a_batch_needs_no_warning(audio_backbone, recwarn):
    network = audio_backbone()
    network(SPECTROGRAMS)
    embedding_model(network)(SPECTROGRAMS)
    assert not [w for w in recwarn if "structure" in str(w.message)]


@pytest.mark.parametrize("name", ["vis_inc", "vis_conv"])
def test_visual_networks_survive_a_file(visual_backbones, tmp_path, name):
    network = visual_backbones[name]
    save_model(network, tmp_path / "m.keras")
    frames = np.random.default_rng(0).uniform(0, 255, (2, *network.input_shape[1:]))
    loaded = load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(
        loaded(frames.astype(np.float32)), network(frames.astype(np.float32))
    )


@pytest.mark.parametrize(
    ("trainers", "own", "foreign"),
    [
        (
            (phase1.train_audio, nodes.train_audio_backbone),
            {"models.residual_inception", "models.layers", "signal.deltas"},
            {"models.visual"},
        ),
        (
            (phase1.train_visual, nodes.train_visual_backbone),
            {"models.visual"},
            {"models.residual_inception", "models.layers", "signal.deltas"},
        ),
    ],
    ids=["audio", "visual"],
)
def test_a_modality_is_trained_again_for_its_own_code_only(trainers, own, foreign):
    """Nor for code that only shows, stops, saves and compares."""
    foreign = foreign | {f"models.{name}" for name in NO_RESULT}
    for trainer in trainers:
        modules = {name.partition(".")[2] for name in code_digests(trainer)}
        assert own | {"models.epochs", "models.training", "models.losses"} <= modules
        assert not modules & foreign
        assert not [name for name in modules if name.startswith(("source_code", "progress"))]


def test_only_what_training_changes_is_counted(audio_backbone):
    network = audio_backbone()
    moving = sum(2 * layer.gamma.shape[0] for layer in batch_norms(network))
    assert count_trainable_parameters(network) == network.count_params() - moving


def test_the_summary_covers_every_trainable_weight(audio_backbone, visual_backbones):
    for network in (audio_backbone(), *visual_backbones.values()):
        summary = summarise_network(network)
        trainable = count_trainable_parameters(network)
        assert sum(stage["parameters"] for stage in summary["stages"]) == trainable
        assert summary["trainable_parameters"] == trainable
        assert summary["stages"][-1]["output_shape"] == [10]
    titles = [stage["title"] for stage in summarise_network(audio_backbone())["stages"]]
    assert [t for t in titles if t in ("double", "residual1", "residual2", "residual3")] == [
        "double",
        "residual1",
        "residual2",
        "residual3",
    ]
