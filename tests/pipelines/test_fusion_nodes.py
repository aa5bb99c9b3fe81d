"""Phase II refuses embeddings of other clips or networks, and says what it was trained on."""

import json

import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models.files import digest_weights
from avsc_kedro.models.phase2 import train_fusion
from avsc_kedro.options import FusionOptions
from avsc_kedro.paper import FUSION_BY_NAME
from avsc_kedro.pipelines.fusion import nodes
from avsc_kedro.stores.embeddings import Embeddings


@pytest.fixture
def clips():
    return pd.DataFrame(
        {
            "clip_id": ["a", "b", "c"],
            "scene": ["park", "tram", "park"],
            "split": ["train", "train", "eval"],
        }
    )


BRANCHES = ("aud_mel", "aud_gam", "aud_cqt")
OPTIONS = FusionOptions(
    training={
        "epochs": 1,
        "batch_size": 2,
        "learning_rate": 0.01,
        "l2_lambda": 0.0,
        "mixup": {"distribution": "none"},
    },
    dropout=0.0,
)


def embeddings_of(clips, labels=("park", "tram"), branch="aud_mel"):
    vectors = {"fc10": np.full((len(clips), 2), BRANCHES.index(branch), np.float32)}
    made_from = {"model": f"{branch} network", "features": "features"}
    return Embeddings(
        list(clips["clip_id"]), list(clips["split"]), list(labels), vectors, made_from
    )


def fuse(clips, made):
    branches = dict.fromkeys(BRANCHES, made)
    return nodes.train_fusion(clips, ["park", "tram"], None, 0, False, "audio_only", **branches)


@pytest.fixture
def branches(clips):
    return {name: embeddings_of(clips, branch=name) for name in BRANCHES}


def train(clips, branches, options=OPTIONS, **changes):
    summaries = {f"{name}_summary": {"model_digest": f"{name} network"} for name in BRANCHES}
    given = {**branches, **summaries, **changes}
    return nodes.train_fusion(clips, ["park", "tram"], options, 0, True, "audio_only", **given)


def apply(model, summary, clips, branches):
    return nodes.fuse_clips(model, summary, clips, ["park", "tram"], "audio_only", **branches)


def test_a_clip_that_changed_its_split_is_refused(clips):
    moved = clips.assign(split=["train", "eval", "train"])
    with pytest.raises(InputError, match="kedro run --pipeline=phase1"):
        fuse(clips, embeddings_of(moved))


def test_a_clip_that_is_new_is_refused(clips):
    with pytest.raises(InputError, match="of the 3 clips"):
        fuse(clips, embeddings_of(clips.iloc[:2]))


def test_other_scenes_are_refused(clips):
    with pytest.raises(InputError, match="usable_clips"):
        fuse(clips, embeddings_of(clips, labels=("bus", "tram")))


@pytest.mark.parametrize("summary", [{"model_digest": "newer"}, {}])
def test_embeddings_that_another_network_made_are_refused(clips, branches, summary):
    with pytest.raises(InputError, match="another network made these") as caught:
        train(clips, branches, aud_gam_summary=summary)
    assert "as in aud_gam.summary" in str(caught.value)
    assert "kedro run --pipeline=phase1 --namespaces=aud_gam" in str(caught.value)


def test_summary_and_vectors_name_what_they_were_made_from(clips, branches):
    model, history, summary = train(clips, branches)
    assert len(history) == summary["best_epoch"] == 1
    assert json.loads(json.dumps(summary)) == {
        "fusion": "audio_only",
        "model_digest": digest_weights(model),
        "best_epoch": 1,
        "embeddings": {
            name: {"digest": branches[name].digest, "model_digest": f"{name} network"}
            for name in BRANCHES
        },
    }
    fused, table = apply(model, summary, clips, branches)
    assert fused.made_from == {
        "model": digest_weights(model),
        **{name: branches[name].digest for name in BRANCHES},
    }
    assert list(table["clip_id"]) == ["a", "b", "c"]


def test_a_model_is_applied_to_no_other_embeddings_and_under_no_other_summary(clips, branches):
    model, _, summary = train(clips, branches)
    vectors = {"fc10": branches["aud_cqt"].vectors["fc10"] + 1}
    moved = {**branches, "aud_cqt": branches["aud_cqt"]._replace(vectors=vectors)}
    with pytest.raises(InputError, match=r"trained on other embeddings.*--pipeline=phase2"):
        apply(model, summary, clips, moved)
    with pytest.raises(InputError, match=r"of two trainings.*--pipeline=phase2"):
        apply(model, {**summary, "model_digest": "older"}, clips, branches)
    with pytest.raises(InputError, match=r"digest none, as in audio_only.summary"):
        apply(model, {}, clips, branches)


def test_eval_labels_have_no_part_in_training(clips, branches):
    weights = digest_weights(train(clips, branches)[0])
    exchanged = clips.assign(scene=["park", "tram", "tram"])
    assert digest_weights(train(exchanged, branches)[0]) == weights
    taught = clips.assign(scene=["tram", "tram", "park"])
    assert digest_weights(train(taught, branches)[0]) != weights


@pytest.mark.parametrize("start", ["identity", "random"])
def test_the_dense_layer_starts_as_the_options_say(clips, branches, start):
    still = OPTIONS.training.model_copy(update={"learning_rate": 1e-9})
    options = OPTIONS.model_copy(update={"training": still, "dense_start": start})
    kernel, _ = train(clips, branches, options)[0].get_layer("fc10").get_weights()
    assert np.allclose(kernel, np.eye(2), atol=1e-6) == (start == "identity")


@pytest.mark.parametrize(
    ("start", "first"), [("ones", [1, 1, 1, 1]), ("equal_modalities", [2 / 3, 2 / 3, 2 / 3, 2])]
)
def test_the_weights_start_as_the_options_say(start, first):
    still = OPTIONS.training.model_copy(update={"learning_rate": 1e-9})
    options = OPTIONS.model_copy(update={"training": still, "weights_start": start})
    row = FUSION_BY_NAME["f4"]._replace(branches=(*BRANCHES, "vis_inc"))
    given = ({branch: np.ones((2, 2)) for branch in row.branches}, np.array([0, 1]))
    trained = train_fusion(row, given, None, options, classes=2, seed=0)
    *weights, _ = trained.network.get_layer("all").get_weights()
    np.testing.assert_allclose([w[0] for w in weights], first, atol=1e-6)


def test_an_embedding_that_is_no_number_is_named_with_its_branch(clips, branches):
    branches["aud_gam"].vectors["fc10"][1] = np.nan
    with pytest.raises(FloatingPointError) as caught:
        train(clips, branches)
    assert "finite numbers of: b (aud_gam). Look" in str(caught.value)
