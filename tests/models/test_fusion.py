from typing import get_args

import numpy as np
import pytest

from avsc_kedro.models.backbone import count_trainable_parameters
from avsc_kedro.models.files import digest_weights, load_model, save_model
from avsc_kedro.models.fusion import FIRST_WEIGHTS, build_fusion, fuse
from avsc_kedro.options import FusionOptions
from avsc_kedro.paper import AUDIO_BRANCHES, BRANCH_NAMES, FUSION_BY_NAME, VISUAL_BRANCHES

SIZES = {"f1": 1024, "f2": 1024, "f3": 2048, "f4": 10, "f5": 10, "f6": 20}
# One vector a branch, then: f1, f4: b; f2, f5: w_a, w_v, b; f3, f6: none.
VECTORS = {"f1": 6, "f2": 8, "f3": 5, "f4": 6, "f5": 8, "f6": 5, "audio_only": 4, "visual_only": 3}


def embedding_size(name):
    return 1024 if FUSION_BY_NAME[name].embedding == "fc1024" else 10


def build(name, dropout=0.0, **start):
    return build_fusion(
        FUSION_BY_NAME[name],
        embedding_size=embedding_size(name),
        classes=10,
        dropout=dropout,
        **start,
    )


def embeddings(name, clips=5):
    rng = np.random.default_rng(1)
    size = embedding_size(name)
    return {branch: rng.normal(size=(clips, size)).astype("f4") for branch in BRANCH_NAMES}


def weights_of(model, layer):
    return [np.asarray(weight, np.float64) for weight in model.get_layer(layer).get_weights()]


def weighted(vectors, names, factors):
    return sum(vectors[name] * w for name, w in zip(names, factors, strict=True))


def linear(model, x, names):
    *factors, bias = weights_of(model, "all")
    return weighted(x, names, factors) + bias


def modality_sums(model, x):
    return (
        weighted(x, AUDIO_BRANCHES, weights_of(model, "audio")),
        weighted(x, VISUAL_BRANCHES, weights_of(model, "visual")),
    )


def two_level(model, x):
    audio, visual = modality_sums(model, x)
    w_a, w_v, bias = weights_of(model, "modalities")
    return audio * w_a + visual * w_v + bias


ORACLES = {
    "f1": lambda model, x: linear(model, x, BRANCH_NAMES),
    "f2": two_level,
    "f3": lambda model, x: np.concatenate(modality_sums(model, x), axis=1),
    "audio_only": lambda model, x: linear(model, x, AUDIO_BRANCHES),
    "visual_only": lambda model, x: linear(model, x, VISUAL_BRANCHES),
}
ORACLES |= {"f4": ORACLES["f1"], "f5": ORACLES["f2"], "f6": ORACLES["f3"]}


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("name", FUSION_BY_NAME)
def test_fusion_against_numpy(name, randomise):
    model = randomise(build(name))
    x = embeddings(name)
    expected = ORACLES[name](model, {k: v.astype(np.float64) for k, v in x.items()})
    fused, probabilities = fuse(model, x)
    assert fused.shape == (5, SIZES.get(name, 10))
    np.testing.assert_allclose(fused, expected, rtol=1e-4, atol=1e-5)
    kernel, bias = weights_of(model, "fc10")
    np.testing.assert_allclose(
        np.log(probabilities), np.log(softmax(expected @ kernel + bias)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("name", FUSION_BY_NAME)
def test_trainable_parameters_by_hand(name):
    dense = (SIZES.get(name, 10) + 1) * 10
    expected = VECTORS[name] * embedding_size(name) + dense
    assert count_trainable_parameters(build(name)) == expected


@pytest.mark.parametrize("name", FUSION_BY_NAME)
def test_an_untrained_fusion_is_the_plain_sum(name):
    fused, _ = fuse(build(name), x := embeddings(name))
    audio = sum(x[branch] for branch in AUDIO_BRANCHES)
    visual = sum(x[branch] for branch in VISUAL_BRANCHES)
    expected = {
        "audio_only": audio,
        "visual_only": visual,
        "f3": np.concatenate([audio, visual], axis=1),
        "f6": np.concatenate([audio, visual], axis=1),
    }.get(name, audio + visual)
    np.testing.assert_allclose(fused, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUSION_BY_NAME)
def test_modalities_may_count_alike_at_first_whatever_number_of_networks_they_have(name):
    fused, _ = fuse(build(name, weights_start="equal_modalities"), x := embeddings(name))
    audio = sum(x[branch] for branch in AUDIO_BRANCHES)
    visual = sum(x[branch] for branch in VISUAL_BRANCHES)
    expected = {
        "f1": audio + visual,
        "f2": audio + visual,
        "f3": np.concatenate([audio, visual], axis=-1),
        "f4": 5 / 6 * audio + 5 / 4 * visual,
        "f5": 5 / 6 * audio + 5 / 4 * visual,
        "f6": np.concatenate([5 / 6 * audio, 5 / 4 * visual], axis=-1),
        "audio_only": audio,
        "visual_only": visual,
    }
    np.testing.assert_allclose(fused, expected[name], rtol=1e-4, atol=1e-5)


def test_fuse_takes_branches_in_any_order_and_many_clips():
    model, x = build("f4"), embeddings("f4", clips=70)
    reversed_x = dict(reversed(x.items()))
    np.testing.assert_array_equal(fuse(model, x)[0], fuse(model, reversed_x)[0])
    np.testing.assert_allclose(fuse(model, x)[0][65:], sum(x.values())[65:], rtol=1e-4, atol=1e-5)


def test_dropout_acts_in_training_only():
    model, x = build("f4", dropout=0.5), embeddings("f4")
    np.testing.assert_array_equal(fuse(model, x)[1], fuse(model, x)[1])
    assert np.abs(np.asarray(model(x, training=True)) - fuse(model, x)[1]).max() > 1e-3


@pytest.mark.parametrize("name", ["f2", "f6", "audio_only"])
def test_a_fusion_survives_a_file(tmp_path, name, randomise):
    model = randomise(build(name))
    save_model(model, tmp_path / "fusion.keras")
    loaded = load_model(tmp_path / "fusion.keras")
    x = embeddings(name)
    for ours, theirs in zip(fuse(model, x), fuse(loaded, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert digest_weights(loaded) == digest_weights(model)


def test_options_offer_the_starts_there_are():
    assert get_args(FusionOptions.model_fields["weights_start"].annotation) == tuple(FIRST_WEIGHTS)


@pytest.mark.parametrize("name", [name for name in VECTORS if embedding_size(name) == 10])
def test_a_start_at_identity_adds_up_the_logits(name):
    model, x = build(name, dense_start="identity"), embeddings(name)
    total = np.exp(sum(x[branch] for branch in FUSION_BY_NAME[name].branches).astype(np.float64))
    _, probabilities = fuse(model, x)
    np.testing.assert_allclose(probabilities, total / total.sum(1, keepdims=True), rtol=1e-5)


def test_longer_embeddings_have_no_identity():
    kernel, _ = build("f3", dense_start="identity").get_layer("fc10").get_weights()
    assert kernel.shape == (2048, 10)
    assert len(np.unique(kernel)) > 2
