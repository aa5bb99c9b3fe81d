import h5py
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
        made_from={"model": "d" * 32, "features": "e" * 32},
    )


def test_reads_back_equal_as_float32(tmp_path, embeddings):
    path = tmp_path / "aud_mel.h5"
    write_embeddings(path, embeddings)
    read = read_embeddings(path)
    assert read.clip_ids == embeddings.clip_ids
    assert read.splits == embeddings.splits
    assert read.labels == embeddings.labels
    assert read.made_from == embeddings.made_from
    assert read.digest == embeddings.digest
    assert set(read.vectors) == {"fc1024", "fc10"}
    for name, values in embeddings.vectors.items():
        assert read.vectors[name].dtype == np.float32
        np.testing.assert_array_equal(read.vectors[name], values.astype(np.float32))


def test_a_flipped_bit_anywhere_is_refused(tmp_path, embeddings):
    path = tmp_path / "e.h5"
    write_embeddings(path, embeddings)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    places = [0, len(content) - 1, *rng.integers(0, len(content), 100)]
    for place, bit in zip(places, rng.integers(0, 8, len(places)), strict=True):
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checksum"):
            read_embeddings(path)


@pytest.mark.parametrize("size", [0, 100, 512, 1000])
def test_a_torn_file_is_refused(tmp_path, embeddings, size):
    path = tmp_path / "e.h5"
    write_embeddings(path, embeddings)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="checksum"):
        read_embeddings(path)


def test_any_reader_of_hdf5_opens_the_file(tmp_path, embeddings):
    path = tmp_path / "e.h5"
    write_embeddings(path, embeddings)
    with h5py.File(path) as file:
        assert file["vectors/fc1024"].shape == (3, 8)
        assert dict(file["made_from"].attrs) == embeddings.made_from


def test_the_digest_follows_clips_splits_labels_and_every_vector(embeddings):
    moved = {name: values + np.float32(1e-3) for name, values in embeddings.vectors.items()}
    changes = [
        {"clip_ids": ["tram", "bus", "metro"]},
        {"splits": ["train", "eval", "train"]},
        {"labels": ["tram", "bus"]},
        *({"vectors": {**embeddings.vectors, name: moved[name]}} for name in moved),
        {"vectors": {"fc1024": embeddings.vectors["fc1024"]}},
    ]
    digests = {embeddings._replace(**change).digest for change in changes}
    assert len(digests | {embeddings.digest}) == len(changes) + 1
    assert embeddings._replace(made_from={"model": "other"}).digest == embeddings.digest


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
