import pytest
from kedro.io import DatasetError

from avsc_kedro.datasets import ClipSourceDataset
from avsc_kedro.datasets.clip_source import ClipRequest
from avsc_kedro.errors import InputError
from avsc_kedro.options import ClipsOptions, EmbeddedOptions, ExtractionOptions


def request(clips: dict) -> ClipRequest:
    extraction = ExtractionOptions(clips_per_shard=4, workers=1, max_failed_fraction=0.1)
    embedded = EmbeddedOptions(
        train_clips_per_scene=2, eval_clips_per_scene=1, frame_size_px=32, frame_rate_fps=4
    )
    return ClipRequest(ClipsOptions(**clips), embedded, extraction)


@pytest.fixture
def videos(tmp_path):
    """A folder of two scenes with one file each; nobody opens them."""
    for scene in ("park", "tram"):
        path = tmp_path / "my videos" / scene / f"{scene}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    return {"path": str(tmp_path / "my videos")}


def test_the_embedded_set_is_not_written_for_another_source(tmp_path, videos):
    dataset = ClipSourceDataset(filepath=str(tmp_path / "embedded"), clips=videos)
    dataset.save(request(videos))
    assert dataset.exists()
    assert not (tmp_path / "embedded").exists()
    assert sorted(dataset.load()["scene"]) == ["park", "tram"]


def test_the_embedded_set_exists_once_its_table_does(tmp_path):
    dataset = ClipSourceDataset(filepath=str(tmp_path / "embedded"), clips={})
    assert not dataset.exists()
    (tmp_path / "embedded").mkdir()
    (tmp_path / "embedded" / "meta.csv").write_text("")
    assert dataset.exists()


def test_a_folder_of_real_clips_is_never_written_over(tmp_path):
    (tmp_path / "embedded" / "audio").mkdir(parents=True)
    dataset = ClipSourceDataset(filepath=str(tmp_path / "embedded"), clips={})
    with pytest.raises(DatasetError) as caught:
        dataset.save(request({}))
    assert isinstance(caught.value.__cause__, InputError)
    assert "which may be real" in str(caught.value.__cause__)


def test_a_source_that_is_not_there_does_not_exist(tmp_path):
    clips = {"path": str(tmp_path / "nowhere")}
    dataset = ClipSourceDataset(filepath=str(tmp_path / "embedded"), clips=clips)
    assert not dataset.exists()
    with pytest.raises(DatasetError, match="Nothing is there"):
        dataset.load()
