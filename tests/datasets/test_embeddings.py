import numpy as np
import pytest
from kedro.io import DatasetError, Version

from avsc_kedro.datasets import EmbeddingsDataset
from avsc_kedro.errors import InputError
from avsc_kedro.stores.embeddings import Embeddings

VECTORS = {"fc10": np.array([[0.25, 0.75], [1.0, 0.0]], dtype=np.float32)}


def embeddings(**changes) -> Embeddings:
    """Two clips; fields this test does not read are empty."""
    empty = {field: [] for field in Embeddings._fields}
    known = {"clip_ids": ["a", "b"], "vectors": VECTORS, "made_from": {"model": "d" * 32}}
    return Embeddings(**{**empty, **known, **changes})


def versioned(folder, *, load=None, save=None) -> EmbeddingsDataset:
    path = folder / "aud_mel" / "embeddings.h5"
    return EmbeddingsDataset(filepath=str(path), version=Version(load, save))


def test_saves_and_loads_without_versions(tmp_path):
    dataset = EmbeddingsDataset(filepath=str(tmp_path / "embeddings.h5"))
    assert not dataset.exists()
    dataset.save(embeddings())
    assert dataset.exists()
    loaded = dataset.load()
    assert loaded.clip_ids == ["a", "b"]
    np.testing.assert_array_equal(loaded.vectors["fc10"], VECTORS["fc10"])


def test_the_newest_version_is_loaded_unless_another_is_named(tmp_path):
    assert not versioned(tmp_path).exists()
    for version in ("2026-01-01", "2026-01-02"):
        versioned(tmp_path, save=version).save(embeddings(made_from={"model": version}))
    assert versioned(tmp_path).load().made_from == {"model": "2026-01-02"}
    assert versioned(tmp_path, load="2026-01-01").load().made_from == {"model": "2026-01-01"}


def test_a_version_is_never_written_over(tmp_path):
    versioned(tmp_path, save="2026-01-01").save(embeddings())
    with pytest.raises(DatasetError, match="must not exist"):
        versioned(tmp_path, save="2026-01-01").save(embeddings())


@pytest.mark.parametrize("damage", [b"", b"no HDF5 at all", None])
def test_a_damaged_version_is_named_with_the_command_that_makes_it_anew(tmp_path, damage):
    versioned(tmp_path, save="2026-01-01").save(embeddings())
    path = tmp_path / "aud_mel" / "embeddings.h5" / "2026-01-01" / "embeddings.h5"
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    with pytest.raises(DatasetError) as caught:
        versioned(tmp_path).load()
    cause = caught.value.__cause__
    assert isinstance(cause, InputError)
    assert f"Expected a readable file at {path}" in str(cause)
    assert f"Delete this version, {path.parent}, and run kedro run --pipeline=phase1" in str(cause)


def test_what_is_not_there_is_not_called_damaged(tmp_path):
    with pytest.raises(DatasetError, match="Did not find any versions"):
        versioned(tmp_path).load()
    with pytest.raises(DatasetError) as caught:
        EmbeddingsDataset(filepath=str(tmp_path / "embeddings.h5")).load()
    assert isinstance(caught.value.__cause__, FileNotFoundError)
