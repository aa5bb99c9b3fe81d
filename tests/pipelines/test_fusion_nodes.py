"""Phase II refuses embeddings that do not belong to the clips as they are now."""

import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
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


def embeddings_of(clips, labels=("park", "tram")):
    vectors = {"fc10": np.zeros((len(clips), 2), np.float32)}
    return Embeddings(list(clips["clip_id"]), list(clips["split"]), list(labels), vectors, "")


def fuse(clips, made):
    branches = dict.fromkeys(("aud_mel", "aud_gam", "aud_cqt"), made)
    return nodes.train_fusion(clips, ["park", "tram"], None, 0, False, "audio_only", **branches)


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
