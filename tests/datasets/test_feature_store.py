import inspect
import json
import os
import pickle

import numpy as np
import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import FeatureStoreDataset
from avsc_kedro.datasets.feature_store import FeaturePlan
from avsc_kedro.extraction import PlannedClip, missing
from avsc_kedro.media.encoding import write_wav
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import StoreError, feature_store
from tests.stores.conftest import open_here

FEATURES = {
    "audio": {"sample_rate_hz": 8000, "duration_s": 1.0},
    "stft": {"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-20},
    "mel": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "gam": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "cqt": {"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    "rgb": {"frames_per_second": 2.0, "size_px": 32},
}


def plan(*clips: PlannedClip, **changes) -> FeaturePlan:
    """A plan of some clips, with some groups of the features changed."""
    groups = {name: {**group, **changes.get(name, {})} for name, group in FEATURES.items()}
    options = ExtractionOptions(clips_per_shard=4, workers=1, max_failed_fraction=0.1)
    return FeaturePlan(list(clips), FeaturesOptions(**groups), options)


@pytest.fixture
def dataset(tmp_path):
    return FeatureStoreDataset(filepath=str(tmp_path / "mel"), kind="mel", features=FEATURES)


def test_a_saved_plan_is_a_sealed_store(dataset):
    assert not dataset.exists()
    dataset.save(plan())
    assert dataset.exists()
    assert dataset.load().shape == (0, 8, 15, 2)


def test_a_plan_with_other_options_is_refused(dataset, tmp_path):
    with pytest.raises(DatasetError, match="Let both read params:features"):
        dataset.save(plan(mel={"bands": 9}))
    assert not (tmp_path / "mel").exists()


def test_options_of_another_kind_do_not_matter(dataset):
    dataset.save(plan(rgb={"size_px": 64}))
    assert dataset.exists()


def test_a_store_of_other_options_is_absent_and_the_command_named(dataset, tmp_path):
    dataset.save(plan())
    changed = {**FEATURES, "mel": {**FEATURES["mel"], "bands": 9}}
    other = FeatureStoreDataset(filepath=str(tmp_path / "mel"), kind="mel", features=changed)
    assert not other.exists()
    with pytest.raises(DatasetError) as caught:
        other.load()
    assert isinstance(caught.value.__cause__, StoreError)
    assert f"recipes there: {dataset._describe()['id']}" in str(caught.value.__cause__)
    assert "kedro run --pipeline=features" in str(caught.value.__cause__)


@pytest.fixture
def clips(tmp_path, monkeypatch):
    """Twelve one-second tones."""
    monkeypatch.setattr(missing, "open_pool", open_here)
    tones = [np.sin(np.arange(8000) * (0.1 + 0.1 * number)) for number in range(12)]
    paths = [tmp_path / f"clip-{number:02}.wav" for number in range(12)]
    for path, tone in zip(paths, tones, strict=True):
        write_wav(path, np.stack([tone, 0.5 * tone]) / 2, sample_rate_hz=8000)
    return [PlannedClip(path.stem, str(path)) for path in paths]


def test_it_exists_until_a_recording_changes(dataset, clips, tmp_path):
    assert dataset.why_outdated() == "there is no index yet"
    dataset.save(plan(*clips))
    assert dataset.why_outdated() is None
    (tmp_path / "clip-03.wav").write_bytes(b"another")
    assert not dataset.exists()
    assert "1 recording changed, the first is " in dataset.why_outdated()


def test_the_content_has_a_digest_once_there_is_a_store(dataset, clips):
    with pytest.raises(StoreError, match="No mel features"):
        dataset.content_digest()
    dataset.save(plan(*clips[:2]))
    two = dataset.content_digest()
    dataset.save(plan(*clips[:3]))
    assert dataset.content_digest() != two
    dataset.save(plan(*clips[:2]))
    assert dataset.content_digest() == two


def test_own_options_are_plain_and_of_this_kind(dataset):
    options = dataset.own_options()
    assert json.loads(json.dumps(options)) == options
    assert set(options) == {"kind", "features", "extractor_version", "shape", "dtype"}
    assert set(options["features"]) == {"audio", "stft", "mel"}
    assert options["shape"] == [8, 15, 2]


def test_stamps_of_other_recipes_are_found_newest_first(dataset, tmp_path):
    assert dataset.former_stamps() == []
    assert dataset.stamp_path == tmp_path / "mel" / dataset._describe()["id"] / "stamp.json"
    for age, name in enumerate(("newest", "older", "oldest")):
        stamp = tmp_path / "mel" / name / "stamp.json"
        stamp.parent.mkdir(parents=True)
        stamp.write_text("{}")
        os.utime(stamp, (1000 - age, 1000 - age))
    dataset.stamp_path.parent.mkdir()
    dataset.stamp_path.write_text("{}")
    assert [path.parent.name for path in dataset.former_stamps()] == ["newest", "older", "oldest"]


def test_make_anew_extracts_all_once(dataset, clips, monkeypatch):
    done = []
    real = missing.extract_shard
    monkeypatch.setattr(missing, "extract_shard", lambda task: done.append(task) or real(task))
    dataset.save(plan(*clips))
    assert len(done) == 3
    dataset.make_anew()
    dataset.save(plan(*clips))
    assert len(done) == 6
    dataset.save(plan(*clips))
    assert len(done) == 6


def test_checking_and_loading_read_the_index_once(dataset, clips, monkeypatch):
    dataset.save(plan(*clips))
    reads = []
    real = feature_store.read_index
    monkeypatch.setattr(
        feature_store, "read_index", lambda *a, **k: reads.append(a) or real(*a, **k)
    )
    assert dataset.exists()
    digest = dataset.content_digest()
    store = dataset.load()
    assert len(reads) == 1
    dataset.save(plan(*clips[:5]))
    assert len(dataset.load()) == 5
    assert dataset.content_digest() != digest
    assert len(store) == 12
    assert pickle.loads(pickle.dumps(dataset)).load().clip_ids == dataset.load().clip_ids


def test_the_preview_is_a_table_of_the_first_clips(dataset, clips):
    dataset.save(plan(*clips))
    table = dataset.preview()
    assert inspect.signature(dataset.preview).return_annotation == "TablePreview"
    assert json.loads(json.dumps(table)) == table
    assert table["columns"] == ["clip_id", "shard", "row", "lowest", "mean", "highest"]
    assert [row[0] for row in table["data"]] == [clip.clip_id for clip in clips[:10]]
    assert table["index"] == list(range(10))
    values = dataset.load()["clip-07"]
    shown = table["data"][7]
    assert shown[2] == 3
    expected = [values.min(), values.mean(dtype="f8"), values.max()]
    np.testing.assert_allclose(shown[3:], expected, atol=1e-3)
