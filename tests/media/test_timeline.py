"""MP4 files whose edit lists leave frames out, against decoding everything."""

import struct

import numpy as np
import pytest

from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.needed import needed_frames
from avsc_kedro.media.timeline import Unforeseeable
from avsc_kedro.media.video import _pictures, all_frames, read_frames

FRAMES, RATE_FPS = 100, 10
EMPTY = None
# How long each edit is shown, and where it begins, in seconds.
EDITS = {
    "end cut off": [(6, 0)],
    "beginning cut off": [(8, 1.3)],
    "empty at first": [(1, EMPTY), (6, 0)],
    "middle cut out": [(3, 0), (4, 5.3)],
    "in another order": [(3, 5.3), (4, 0)],
    "some shown twice": [(3, 0), (4, 2.3)],
}


@pytest.fixture(params=[30, 250])
def make_edited(request, make_video):
    """Write frames, each two levels brighter than the last, in groups of 30 or in one."""

    def make(edits):
        path = make_video(
            [np.full((48, 64, 3), 30 + 2 * k, np.uint8) for k in range(FRAMES)],
            times_ms=[1000 * k // RATE_FPS for k in range(FRAMES)],
            coding={"threads": "1", "g": str(request.param), "bf": "2"},
        )
        path.write_bytes(with_edits(path.read_bytes(), edits))
        return path

    return make


def with_edits(content, edits):
    """Put edits in place of the one that makes up for the delay of the first frame."""
    moov = content.rindex(b"moov")

    def box(name):
        return content.index(name, moov) - 4 if name != b"moov" else moov - 4

    def number(name, offset):
        return struct.unpack_from(">i", content, box(name) + offset)[0]

    film_hz, track_hz, delay = number(b"mvhd", 20), number(b"mdhd", 20), number(b"elst", 20)
    entries = b"".join(
        struct.pack(
            ">iihh",
            round(shown_s * film_hz),
            -1 if begin_s is EMPTY else delay + round(begin_s * track_hz),
            1,
            0,
        )
        for shown_s, begin_s in edits
    )
    edited = bytearray(content)
    for name in (b"moov", b"trak", b"edts", b"elst"):
        size = number(name, 0) + len(entries) - 12
        struct.pack_into(">i", edited, box(name), size)
    struct.pack_into(">i", edited, box(b"elst") + 12, len(edits))
    edited[box(b"elst") + 16 : box(b"elst") + 28] = entries
    return bytes(edited)


def outcome(read, path, times_s, start_s):
    """Return the pictures, or the words of the error."""
    try:
        return read(path, times_s=times_s, start_s=start_s, size_px=32).tolist()
    except DecodeError as error:
        return str(error)


def decode_everything(path, *, times_s, start_s, size_px):
    return _pictures(all_frames(path, instants=times_s + start_s), len(times_s), size_px)


@pytest.mark.parametrize("name", EDITS)
def test_pictures_are_those_of_decoding_everything(make_edited, name):
    path = make_edited(EDITS[name])
    for start_s, count in ((0, 20), (0, 14), (0, 5), (1.2, 8), (2.7, 9), (2.9, 1), (3.1, 2)):
        times_s = np.arange(count) / 2
        expected = outcome(decode_everything, path, times_s, start_s)
        assert outcome(read_frames, path, times_s, start_s) == expected, (start_s, count)


def test_a_cut_off_end_is_not_filled_with_the_last_picture(make_edited):
    path = make_edited(EDITS["end cut off"])
    for start_s in (0.0, 4.0):
        with pytest.raises(DecodeError, match=r"until 9\.5 s\. Received 6\.0 s"):
            read_frames(path, times_s=[0.5, 9.5 - start_s], start_s=start_s, size_px=32)


def test_what_an_edit_list_leaves_out_later_on_is_not_foreseen(make_edited):
    path = make_edited(EDITS["some shown twice"])
    for first_s in (0.0, 2.9):
        with pytest.raises(Unforeseeable, match="leaves frames out"):
            list(needed_frames(path, instants=np.array([first_s, 6.5])))


def test_frames_are_left_out_up_to_a_cut(make_edited):
    """Neither a beginning that is cut off nor an end that is not reached costs anything."""
    for edits in (EDITS["beginning cut off"], EDITS["end cut off"]):
        frames = list(needed_frames(make_edited(edits), instants=np.array([0.0, 0.5, 4.5])))
        assert [count for _, count in frames] == [1, 1, 1]
