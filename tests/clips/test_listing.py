"""Listings: stripped strings under their line numbers, and errors that name the line."""

from __future__ import annotations

import pytest

from avsc_kedro.clips.listing import check_columns, read_listing
from avsc_kedro.errors import InputError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_cells_are_stripped_and_lines_numbered(tmp_path):
    path = write(tmp_path / "a.csv", "\ufeffid , scene\r\n\r\n 01,NA\r\n,,\r\nb\r\n")
    listing = read_listing(path, separator=",")
    assert listing.to_dict("index") == {3: {"id": "01", "scene": "NA"}, 5: {"id": "b", "scene": ""}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Received no rows"),
        ("id,scene\n", "Received no rows"),
        ("id,scene\na,b\nc,d,e\n", "at most 2 cells in .*line 3, as in the header. Received 3"),
        (b"id,scene\na,\xff\n", "readable UTF-8 text"),
        ('id,scene\na,"b\n', "readable UTF-8 text"),
    ],
)
def test_unusable_files_are_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_listing(write(tmp_path / "a.csv", content), separator=",")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"readable UTF-8 text file at .*absent.csv"):
        read_listing(tmp_path / "absent.csv", separator=",")


@pytest.mark.parametrize(
    ("required", "message"),
    [
        (("id", "label"), "the column label in .*a.csv. Received the columns id, scene"),
        (("id", "scene"), "a value for scene in .*a.csv, line 3. Received an empty cell .1 in all"),
    ],
)
def test_required_columns_are_there_and_filled(tmp_path, required, message):
    path = write(tmp_path / "a.csv", "id,scene\na,b\nc,\n")
    with pytest.raises(InputError, match=message):
        check_columns(read_listing(path, separator=","), path, required=required)
