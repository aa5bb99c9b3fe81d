import numpy as np
import pytest

from avsc_kedro.stores.embeddings import Embeddings, read_embeddings, write_embeddings


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    return Embeddings(
        clip_ids=["tram", "bus", "Straßenbahn"],
        splits=["train", "eval", "validation"],
        labels=["bus", "tram"],
        vectors={"fc1024": rng.random((3, 8)), "fc10": rng.standard_normal((3, 2))},
        model_digest="d" * 32,
    )


def test_reads_back_equal_as_float32(tmp_path, embeddings):
    path = tmp_path / "aud_mel.h5"
    write_embeddings(path, embeddings)
    read = read_embeddings(path)
    assert read.clip_ids == embeddings.clip_ids
    assert read.splits == embeddings.splits
    assert read.labels == embeddings.labels
    assert read.model_digest == embeddings.model_digest
    assert set(read.vectors) == {"fc1024", "fc10"}
    for name, values in embeddings.vectors.items():
        assert read.vectors[name].dtype == np.float32
        np.testing.assert_array_equal(read.vectors[name], values.astype(np.float32))


def test_select_follows_the_order_asked_for(embeddings):
    chosen = embeddings.select(["Straßenbahn", "tram", "tram"], "fc10")
    np.testing.assert_array_equal(chosen, embeddings.vectors["fc10"][[2, 0, 0]])


def test_an_unknown_clip_or_vector_is_a_key_error(embeddings):
    with pytest.raises(KeyError, match="metro"):
        embeddings.select(["metro"], "fc10")
    with pytest.raises(KeyError, match="fc99"):
        embeddings.select(["tram"], "fc99")


def test_a_failed_write_leaves_the_old_file(tmp_path, embeddings):
    path = tmp_path / "e.h5"
    write_embeddings(path, embeddings)
    before = path.read_bytes()
    broken = embeddings._replace(vectors={"fc10": np.array(["no number"])})
    with pytest.raises(ValueError, match="could not convert"):
        write_embeddings(path, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
