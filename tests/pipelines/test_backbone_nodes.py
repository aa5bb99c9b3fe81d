"""A branch embeds with the network and the features of its own training only."""

import keras
import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models.files import digest_weights
from avsc_kedro.paper import BRANCHES
from avsc_kedro.pipelines.backbones import nodes

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


def embed(model, summary):
    return nodes.embed_clips(model, summary, CLIPS, ["park", "tram"], Features(), 2, BRANCHES[0])


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
