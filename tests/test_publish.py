import hashlib

import pytest

from avsc_kedro.publish import digest_file, publish_bytes, publish_file


def test_publishes_whole_and_makes_the_folder(tmp_path):
    path = tmp_path / "deep" / "er" / "index.json"
    publish_bytes(path, b"one")
    publish_bytes(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["index.json"]


def test_an_error_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def write_half():
        with publish_file(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_lies_beside_keeps_the_suffix_and_is_hidden(tmp_path):
    path = tmp_path / "a.keras"
    with publish_file(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".keras"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"x")
        assert not path.exists()
    assert path.read_bytes() == b"x"


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    path = tmp_path / "a.h5"
    with pytest.raises(FileNotFoundError), publish_file(path):
        pass
    assert not path.exists()


def test_digest_is_that_of_the_content_over_many_chunks(tmp_path):
    content = bytes(range(256)) * 10_000  # 2.56 MB: three chunks
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    assert digest_file(path) == hashlib.blake2b(content, digest_size=16).hexdigest()
