import pytest

from avsc_kedro.media.h264 import length_bytes, read_picture

# First byte of a unit: how important others find it (2 bits), and its kind (5 bits).
SPS, PPS, SEI, IDR, REFERENCE, DISPENSABLE = 0x67, 0x68, 0x06, 0x65, 0x41, 0x01


def unit(head):
    return bytes([head, 9, 9])


def as_mp4(*heads):
    return b"".join(len(unit(head)).to_bytes(4, "big") + unit(head) for head in heads)


def as_stream(*heads):
    return b"".join(b"\0\0\1" + unit(head) for head in heads)


@pytest.mark.parametrize(("write", "size"), [(as_mp4, 4), (as_stream, None)])
def test_kinds_of_pictures(write, size):
    def read(*heads):
        return read_picture(write(*heads), length_bytes=size)

    assert read(SPS, PPS, SEI, IDR, IDR) == (True, True, (unit(SPS), unit(PPS)))
    assert read(SEI, REFERENCE) == (False, True, ())
    assert read(DISPENSABLE, DISPENSABLE) == (False, False, ())


@pytest.mark.parametrize(
    "content",
    [
        as_mp4(SEI),
        as_mp4(REFERENCE, DISPENSABLE),
        as_mp4(IDR, REFERENCE),
        as_mp4(0x42),
        as_mp4(REFERENCE)[:-1],
        as_mp4(REFERENCE) + b"\0\0",
        b"\0\0\0\0",
        b"",
    ],
)
def test_what_is_not_one_picture_of_one_kind_is_refused(content):
    with pytest.raises(ValueError, match="Expected"):
        read_picture(content, length_bytes=4)


def test_a_stream_without_start_codes_is_refused():
    with pytest.raises(ValueError, match="start code"):
        read_picture(b"nothing", length_bytes=None)


def test_how_units_are_told_apart():
    assert length_bytes(bytes([1, 100, 0, 31, 0xFF])) == 4
    assert length_bytes(bytes([1, 100, 0, 31, 0xFC])) == 1
    assert length_bytes(b"\0\0\0\1\x67") is None
    assert length_bytes(None) is None
