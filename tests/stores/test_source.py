import os

import pytest

from avsc_kedro.stores import source
from avsc_kedro.stores.source import absent_source, confirm_source, identify_source


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "tram.wav"
    path.write_bytes(b"abc")
    return path


def test_a_recording_is_known_by_size_time_inode_and_content(path):
    known, status = identify_source(str(path)), path.stat()
    assert known[:4] == (str(path), 3, status.st_mtime_ns, status.st_ino)
    path.write_bytes(b"abd")
    assert identify_source(str(path)).digest != known.digest


def test_the_same_file_is_not_read_again(path, monkeypatch):
    known = identify_source(str(path))
    monkeypatch.setattr(source, "digest_file", None)
    assert confirm_source(known, str(path)) is known
    unknown_inode = known._replace(inode=0)
    assert confirm_source(unknown_inode, str(path)) is unknown_inode
    path.write_bytes(b"longer")
    assert confirm_source(known, str(path)) is None


def test_another_time_inode_or_path_with_the_same_content_is_the_same(path, tmp_path):
    known = identify_source(str(path))
    os.utime(path, ns=(1, 1))
    touched = confirm_source(known, str(path))
    assert touched == known._replace(mtime_ns=1)
    elsewhere = path.rename(tmp_path / "elsewhere.wav")
    assert confirm_source(known, str(path)) is None
    assert confirm_source(known, str(elsewhere)) == touched._replace(path=str(elsewhere))


def test_other_content_of_the_same_length_is_another(path):
    known = identify_source(str(path))
    path.write_bytes(b"abd")
    os.utime(path, ns=(1, 1))
    assert confirm_source(known, str(path)) is None


def test_an_unreadable_file_is_the_same_until_it_can_be_read(tmp_path):
    path = tmp_path / "tram.wav"
    path.mkdir()  # is there, and cannot be opened, not even by root
    known = absent_source(str(path))
    assert confirm_source(known, str(path)) is known
    path.rmdir()
    assert confirm_source(known, str(path)) is known
    path.write_bytes(b"abc")
    assert confirm_source(known, str(path)) is None


def test_an_absent_file_is_the_same_until_it_is_there(path, tmp_path):
    absent = tmp_path / "absent.wav"
    known = absent_source(str(absent))
    assert confirm_source(known, str(absent)) is known
    assert confirm_source(known, str(tmp_path / "other.wav")) is None
    absent.write_bytes(b"")
    assert confirm_source(known, str(absent)) is None
