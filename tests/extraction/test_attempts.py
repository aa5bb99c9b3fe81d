import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from avsc_kedro.extraction import PlannedClip, extract_missing, missing
from avsc_kedro.extraction.attempts import Attempts
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.options import ExtractionOptions
from avsc_kedro.stores import FeatureStore
from avsc_kedro.stores.recipe import Recipe
from tests.extraction import broken_decoders

RECIPE = Recipe("mel", {"stft": {"n_fft": 8}}, 1, broken_decoders.SHAPE, "<f4")


@pytest.fixture
def extract(tmp_path, monkeypatch):
    """Extract recordings of these names over real processes; return the store."""
    monkeypatch.setattr(missing, "extract_shard", broken_decoders.extract_shard)

    def extract(*names, workers=1, **limits):
        for name in names:
            (tmp_path / f"{name}.wav").touch()
        planned = [PlannedClip(name, str(tmp_path / f"{name}.wav")) for name in names]
        store = FeatureStore(tmp_path / "mel", RECIPE)
        options = ExtractionOptions(
            workers=workers, clips_per_shard=4, max_failed_fraction=1, **limits
        )
        extract_missing(store, planned, options)
        assert not list(store.folder.glob(".attempt*"))
        return store

    return extract


def test_a_decoder_that_crashes_costs_its_clip_alone(extract, tmp_path):
    names = ["bus", "crash", "park", "tram", "metro", "killed", "plaza"]
    store = extract(*names, workers=2)
    assert store.clip_ids == ["bus", "park", "tram", "metro", "plaza"]
    np.testing.assert_array_equal(store["plaza"], np.full(RECIPE.shape, 5, "<f4"))
    crash, killed = store.failures
    assert crash.clip_id == "crash"
    assert crash.expected == "a file that can be decoded"
    assert crash.received == "two decoders that died (Fatal Python error: Segmentation fault)"
    assert "kedro stores retry" in crash.remedy
    assert str(tmp_path / "crash.wav") in crash.reason
    assert killed.received == "two decoders that died (without a word)"


@pytest.mark.parametrize("name", ["hang", "hog"])
def test_a_decoder_that_does_not_return_costs_its_clip_alone(extract, name):
    store = extract("bus", name, "park", time_limit_s=0.5)
    assert store.clip_ids == ["bus", "park"]
    [failure] = store.failures
    assert failure.expected == "a file that is decoded within 0.5 s"
    assert failure.received == "no end"
    assert "extraction.time_limit_s" in failure.remedy


def test_a_worker_killed_once_costs_nothing(extract):
    store = extract("bus", "unlucky", "park")
    assert store.clip_ids == ["bus", "unlucky", "park"]
    assert store.failures == []


def test_a_failed_clip_is_not_tried_again_before_it_is_asked_for(extract, monkeypatch):
    extract("bus", "crash")
    monkeypatch.setattr(broken_decoders, "decode", None)
    monkeypatch.setattr(missing, "open_pool", lambda workers: ThreadPoolExecutor(workers))
    assert [failure.clip_id for failure in extract("bus", "crash").failures] == ["crash"]


def notes(folder, *clips, limit_s=60):
    return Attempts.of(folder, clips, limit_s=limit_s)


def test_notes_name_the_clip_while_it_is_decoded_only(tmp_path):
    attempts = notes(tmp_path, "bus", "park")
    attempts.begin()
    assert not attempts.has_clip_at_work()
    with attempts.decoding("bus", "bus.wav"):
        assert attempts.has_clip_at_work()
    assert not attempts.has_clip_at_work()
    with pytest.raises(ValueError, match="broken"), attempts.decoding("park", "park.wav"):
        raise ValueError("broken")
    assert not attempts.has_clip_at_work()
    attempts.end()
    assert list(tmp_path.iterdir()) == []


def test_tasks_of_other_clips_keep_other_notes(tmp_path):
    assert notes(tmp_path, "bus").name != notes(tmp_path, "park").name
    assert notes(tmp_path, "bus") == notes(tmp_path, "bus")


def test_a_clip_is_refused_at_its_second_end_and_no_other(tmp_path):
    attempts = notes(tmp_path, "bus", "park")
    attempts.begin()
    for _ in range(2):
        with attempts.decoding("bus", "bus.wav"):
            left = attempts._notes.read_bytes()
        attempts._notes.write_bytes(left)  # as a process that ends here leaves it
        attempts.begin()
    refused = pytest.raises(DecodeError, match=r"two decoders that died .*bus\.wav")
    with refused, attempts.decoding("bus", "bus.wav"):
        pass
    with attempts.decoding("park", "park.wav"):
        pass


@pytest.mark.parametrize("torn", ["", '{"at": "bu', json.dumps([])[:1]])
def test_torn_notes_are_no_notes(tmp_path, torn):
    attempts = notes(tmp_path, "bus")
    attempts._notes.write_text(torn)
    attempts.begin()
    with attempts.decoding("bus", "bus.wav"):
        assert attempts.has_clip_at_work()


def test_on_a_cluster_decoders_that_crash_cost_their_clips_alone(extract):
    names = ["crash1", "crash2", "hang", "bus", *(f"ok{number}" for number in range(8))]
    store = extract(*names, scheduler="local", time_limit_s=2)
    assert store.clip_ids == names[3:]
    assert [failure.clip_id for failure in store.failures] == names[:3]
