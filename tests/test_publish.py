import hashlib
import os

import pytest

from avsc_kedro import publish
from avsc_kedro.publish import (
    digest_file,
    make_folder,
    move_file,
    publish_bytes,
    publish_file,
    publish_open,
    remove_file,
)


@pytest.fixture
def steps(monkeypatch):
    """The calls that change the disk, in order."""
    done = []

    def spy(name):
        real = getattr(os, name)

        def call(*arguments):
            done.append(name)
            return real(*arguments)

        monkeypatch.setattr(publish.os, name, call)

    for name in ("fsync", "replace", "unlink", "mkdir"):
        spy(name)
    return done


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


def test_an_open_file_is_read_back_and_published(tmp_path, steps):
    path = tmp_path / "a.h5"
    with publish_open(path) as file:
        file.write(b"content")
        file.seek(3)
        assert file.read() == b"tent"
        assert not path.exists()
        [temporary] = tmp_path.iterdir()
        assert temporary.name.startswith(".a-")
    assert path.read_bytes() == b"content"
    assert steps == ["fsync", "replace", "fsync"]


def test_an_open_file_that_fails_is_removed(tmp_path):
    def write_half():
        with publish_open(tmp_path / "a.h5") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_step_that_fails_is_raised_and_cleaned_up(tmp_path, monkeypatch, name):
    def fail(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    monkeypatch.setattr(publish.os, name, fail)
    with pytest.raises(OSError, match="No space left"):
        publish_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_made_durably_and_once(tmp_path, steps):
    make_folder(tmp_path / "a" / "b")
    assert steps == ["mkdir", "fsync"] * 2
    make_folder(tmp_path / "a" / "b")
    assert len(steps) == 4


def test_a_file_is_moved_and_removed(tmp_path):
    path, target = tmp_path / "a.h5", tmp_path / "quarantine" / "a.h5"
    path.write_bytes(b"x")
    move_file(path, target)
    assert not path.exists()
    assert target.read_bytes() == b"x"
    remove_file(target)
    remove_file(target)
    assert not target.exists()


def test_digest_is_that_of_the_content_over_many_chunks(tmp_path):
    content = bytes(range(256)) * 10_000  # 2.56 MB: three chunks
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    assert digest_file(path) == hashlib.blake2b(content, digest_size=16).hexdigest()
