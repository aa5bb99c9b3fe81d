import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import ClipSourceDataset
from avsc_kedro.datasets.clip_source import ClipRequest
from avsc_kedro.embedded import claim_folder, list_embedded, write_tables
from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions, EmbeddedOptions, ExtractionOptions

EMBEDDED = {
    "train_clips_per_scene": 2,
    "eval_clips_per_scene": 1,
    "frame_size_px": 32,
    "frame_rate_fps": 4,
}


def request(clips: dict) -> ClipRequest:
    extraction = ExtractionOptions(clips_per_shard=4, workers=1, max_failed_fraction=0.1)
    return ClipRequest(ClipsOptions(**clips), EmbeddedOptions(**EMBEDDED), extraction)


def dataset_of(tmp_path, clips, **embedded):
    return ClipSourceDataset(
        filepath=str(tmp_path / "embedded"), clips=clips, embedded=EMBEDDED | embedded
    )


@pytest.fixture
def videos(tmp_path):
    """A folder of two scenes with one file each; nobody opens them."""
    for scene in ("park", "tram"):
        path = tmp_path / "my videos" / scene / f"{scene}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    return {"path": str(tmp_path / "my videos")}


def test_the_embedded_set_is_not_written_for_another_source(tmp_path, videos):
    dataset = dataset_of(tmp_path, videos)
    dataset.save(request(videos))
    assert dataset.exists()
    assert not (tmp_path / "embedded").exists()
    assert sorted(dataset.load()["scene"]) == ["park", "tram"]


def test_the_embedded_set_exists_once_its_clips_and_tables_do(tmp_path):
    dataset = dataset_of(tmp_path, {})
    assert "30 synthetic clips" in dataset.why_outdated()
    write_nothing_but_names(tmp_path / "embedded")
    assert "tables" in dataset.why_outdated()
    write_tables(tmp_path / "embedded", EmbeddedOptions(**EMBEDDED))
    assert dataset.exists()


@pytest.mark.parametrize("written", [{"train_clips_per_scene": 3}, {"eval_clips_per_scene": 2}])
def test_fewer_synthetic_clips_are_another_set(tmp_path, written):
    write_nothing_but_names(tmp_path / "embedded", **written)
    write_tables(tmp_path / "embedded", EmbeddedOptions(**EMBEDDED | written))
    assert dataset_of(tmp_path, {}, **written).exists()
    assert "list others" in dataset_of(tmp_path, {}).why_outdated()


def test_the_digest_follows_the_listing_and_nothing_else(tmp_path, videos):
    dataset = dataset_of(tmp_path, videos)
    before = dataset.content_digest()
    (tmp_path / "my videos" / "tram" / "tram.mp4").write_bytes(b"another")
    assert dataset.content_digest() == before
    (tmp_path / "my videos" / "tram" / "second.mp4").write_bytes(b"")
    assert dataset.content_digest() != before


def write_nothing_but_names(root, **changed):
    """All files of the set, empty: only their names are looked at."""
    options = EmbeddedOptions(**EMBEDDED | changed)
    claim_folder(root, options)
    for stem in list_embedded(options)["stem"]:
        for path in (root / "audio" / f"{stem}.wav", root / "video" / f"{stem}.mp4"):
            path.parent.mkdir(exist_ok=True)
            path.touch()


def test_a_folder_of_real_clips_is_never_written_over(tmp_path):
    (tmp_path / "embedded" / "audio").mkdir(parents=True)
    dataset = dataset_of(tmp_path, {})
    with pytest.raises(DatasetError) as caught:
        dataset.save(request({}))
    assert isinstance(caught.value.__cause__, InputError)
    assert "which may be real" in str(caught.value.__cause__)


def test_a_source_that_is_not_there_does_not_exist(tmp_path):
    clips = {"path": str(tmp_path / "nowhere")}
    dataset = dataset_of(tmp_path, clips)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="Nothing is there"):
        dataset.load()
