"""What an H.264 packet holds, read from the headers of its units without decoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SLICE, IDR_SLICE = 1, 5
PARTITIONS = (2, 3, 4)
PARAMETER_SETS = (7, 8, 13, 15)
START_CODE = b"\0\0\1"


class CodedPicture(NamedTuple):
    """One packet's picture.

    Attributes:
        is_idr: Nothing from here on depends on anything before.
        is_reference: Other pictures may depend on it.
        parameter_sets: Those that travel with it.
    """

    is_idr: bool
    is_reference: bool
    parameter_sets: tuple[bytes, ...]


def length_bytes(extradata: bytes | None) -> int | None:
    """Return how many bytes give a unit's length in MP4's form; None for start codes."""
    return (extradata[4] & 3) + 1 if extradata and extradata[0] == 1 else None


def read_picture(content: bytes, *, length_bytes: int | None) -> CodedPicture:
    """Return what one packet holds.

    Raises:
        ValueError: If it is not exactly one picture of one kind, or not H.264.
    """
    slices, parameter_sets = set(), []
    for unit in _units(content, length_bytes):
        importance, kind = unit[0] >> 5 & 3, unit[0] & 31
        if kind in (SLICE, IDR_SLICE):
            slices.add((kind == IDR_SLICE, importance > 0))
        elif kind in PARAMETER_SETS:
            parameter_sets.append(bytes(unit))
        elif kind in PARTITIONS:
            raise ValueError("Expected whole slices. Received partitions.")
    # Two fields of one picture may differ, and only one of them be dispensable.
    if len(slices) != 1:
        raise ValueError(f"Expected slices of one kind. Received {len(slices)} kinds.")
    return CodedPicture(*slices.pop(), tuple(parameter_sets))


def _units(content: bytes, length_bytes: int | None) -> Iterator[memoryview]:
    view = memoryview(content)
    position = 0 if length_bytes else content.find(START_CODE)
    if position < 0:
        raise ValueError("Expected a start code. Received none.")
    while position < len(content):
        if length_bytes:
            begin = position + length_bytes
            end = position = begin + int.from_bytes(view[position:begin], "big")
        else:
            begin = position + len(START_CODE)
            following = content.find(START_CODE, begin)
            end = position = len(content) if following < 0 else following
        if not begin < end <= len(content):
            raise ValueError(f"Expected units within {len(content)} bytes. Received one to {end}.")
        yield view[begin:end]
