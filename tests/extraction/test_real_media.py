"""Every real recording beside the project: features, or an error with its three parts."""

import csv

import numpy as np
import pytest

from avsc_kedro.extraction import PlannedClip, extract_missing
from avsc_kedro.features import clip_features, make_recipe
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.paper import FEATURE_KINDS, SOUND_KINDS
from avsc_kedro.stores import FeatureStore
from tests.conftest import MEDIA
from tests.extraction.test_missing import OPTIONS, limits

SMALL = OPTIONS.model_copy(update={"audio": OPTIONS.audio.model_copy(update={"duration_s": 10.0})})


def test_every_scene_gives_all_features(tmp_path, media):
    folder = media / "scenes"
    with open(folder / "clips.csv") as file:
        rows = list(csv.DictReader(file))
    planned = [PlannedClip(row["clip_id"], str(folder / row["filename"])) for row in rows]
    stores = {
        kind: FeatureStore(tmp_path / kind, make_recipe(kind, SMALL)) for kind in FEATURE_KINDS
    }
    several = limits(workers=2, clips_per_shard=16)
    extract_missing(stores["rgb"], planned, several)
    mel, *beside = (stores[kind] for kind in SOUND_KINDS)
    extract_missing(mel, planned, several, beside=beside)
    for store in stores.values():
        assert store.open().failures == []
        assert store.clip_ids == [row["clip_id"] for row in rows]
        assert len(store) == 240
    levels = np.array([stores["mel"][clip] for clip in stores["mel"].clip_ids])
    assert np.isfinite(levels).all()
    assert np.ptp(levels, axis=(1, 2, 3)).min() > 10


@pytest.mark.parametrize("kind", ["mel", "rgb"])
@pytest.mark.parametrize("name", sorted(p.name for p in MEDIA.glob("odd/*")) or ["absent"])
def test_odd_files_give_features_or_say_what_is_wrong(name, kind, media):
    path = media / "odd" / name
    found = features_or_error(kind, path)
    if isinstance(found, DecodeError):
        assert all((found.expected, found.received, found.remedy))
        assert str(path) in str(found)
    else:
        assert found.shape == SMALL.shape(kind)


def features_or_error(kind, path):
    try:
        return clip_features({kind: SMALL.recipe(kind)}, str(path))[kind]
    except DecodeError as error:
        return error
