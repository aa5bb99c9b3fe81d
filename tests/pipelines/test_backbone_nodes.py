"""A branch embeds with the network and the features of its own training only."""

import keras
import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models import embedding
from avsc_kedro.models.files import digest_weights
from avsc_kedro.paper import BRANCHES
from avsc_kedro.pipelines.backbones import nodes
from avsc_kedro.pipelines.backbones.pipeline import create_pipeline
from avsc_kedro.runners import LONG

CLIPS = pd.DataFrame({"clip_id": ["a", "b"], "scene": ["park", "tram"], "split": "train"})


class Features:
    """Two clips of three numbers each, in the place of a feature store."""

    content_digest = "digest of the features"

    def select(self, clip_ids):
        return [np.full(3, len(clip), np.float32) for clip in clip_ids]


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, name="fc1024")(inputs)
    x = keras.layers.Dense(2, name="fc10")(x)
    return keras.Model(inputs, keras.layers.Softmax()(x))


@pytest.fixture
def summary(model):
    return {"model_digest": digest_weights(model), "features_digest": Features.content_digest}


def embed(model, summary, features=None):
    features = features or Features()
    return nodes.embed_clips(model, summary, CLIPS, ["park", "tram"], features, 2, BRANCHES[0])


def test_embeddings_name_their_network_and_their_features(model, summary):
    made = embed(model, summary)
    assert made.made_from == {
        "model": summary["model_digest"],
        "features": "digest of the features",
    }
    assert made.vectors["fc1024"].shape == (2, 4)


@pytest.mark.parametrize(
    ("key", "problem"),
    [("model_digest", "of two trainings"), ("features_digest", "the features changed after")],
)
@pytest.mark.parametrize("absent", [True, False])
def test_another_network_or_other_features_are_refused(model, summary, key, problem, absent):
    summary[key] = None if absent else "older"
    with pytest.raises(InputError, match=problem) as caught:
        embed(model, summary)
    expected = "none" if absent else "older"
    assert f"with digest {expected}, as in aud_mel.summary" in str(caught.value)
    assert "kedro run --pipeline=phase1 --namespaces=aud_mel with" in str(caught.value)


def test_a_clip_whose_features_are_no_numbers_is_named(model, summary):
    class Odd(Features):
        def select(self, clip_ids):
            return [row + (np.inf if clip == "b" else 0) for clip, row in self.rows(clip_ids)]

        def rows(self, clip_ids):
            return zip(clip_ids, super().select(clip_ids), strict=True)

    with pytest.raises(InputError, match=r"values from clip b\. Look at these recordings"):
        embed(model, summary, Odd())


@pytest.mark.parametrize("kind", [MemoryError, "ResourceExhaustedError", RuntimeError])
def test_memory_that_runs_out_says_what_to_try(model, summary, monkeypatch, kind):
    """Whichever library notices, and however it names the error."""
    if isinstance(kind, str):
        kind = type(kind, (Exception,), {})

    def fail(*args, **kwargs):
        raise kind("CUDA out of memory" if kind is RuntimeError else "")

    monkeypatch.setattr(embedding, "embed_clips", fail)
    with pytest.raises(InputError) as caught:
        embed(model, summary)
    message = str(caught.value)
    assert message.startswith(
        "Aud-MEL embeddings: expected memory for batches of 2 samples of shape (3,). "
    )
    for advice in ("Lower embedding_batch_size", "max_workers=1", "features.rgb.size_px"):
        assert advice in message


def test_other_errors_stay_what_they_are(model, summary, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no such scene: ROOM")

    monkeypatch.setattr(embedding, "embed_clips", fail)
    with pytest.raises(RuntimeError, match="no such scene: ROOM"):
        embed(model, summary)


def test_the_visual_trainings_are_those_that_start_first():
    long = {node.name for node in create_pipeline().nodes if LONG in node.tags}
    assert long == {"vis_inc.train", "vis_conv.train"}
