import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import FeatureStoreDataset
from avsc_kedro.datasets.feature_store import FeaturePlan
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import StoreError

FEATURES = {
    "audio": {"sample_rate_hz": 8000, "duration_s": 1.0},
    "stft": {"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-20},
    "mel": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "gam": {"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    "cqt": {"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    "rgb": {"frames_per_second": 2.0, "size_px": 32},
}


def plan(**changes) -> FeaturePlan:
    """A plan of no clips, with some groups of the features changed."""
    groups = {name: {**group, **changes.get(name, {})} for name, group in FEATURES.items()}
    options = ExtractionOptions(clips_per_shard=4, workers=1, max_failed_fraction=0.1)
    return FeaturePlan([], FeaturesOptions(**groups), options)


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
    assert "kedro run --pipeline=phase1" in str(caught.value.__cause__)
