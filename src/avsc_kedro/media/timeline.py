"""What a video's packets announce about its frames, without decoding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from avsc_kedro.media import h264

# Matroska rounds timestamps to milliseconds: an instant this close before a frame is its own.
TIMESTAMP_TOLERANCE_S = 1e-3
# Decoding may begin at these codecs' key frames: what is shown later depends on nothing earlier.
# An H.264 packet is often called a key frame where that does not hold, so its units are read.
SELF_CONTAINED_KEY_FRAMES = ("av1", "hevc", "mpeg2video", "mpeg4", "mjpeg", "vp8", "vp9")


class Unforeseeable(Exception):
    """The packets do not tell for certain which frames decoding will yield."""


class Announced(NamedTuple):
    """One packet; times in units of the stream's time base.

    Attributes:
        pts: When its frame is shown.
        dts: When it is decoded; None where Matroska does not let FFmpeg tell.
        is_shown: Whether its frame is shown at all.
        is_entry: Whether decoding may begin with it.
        is_reset: Whether nothing after it, in the order of decoding, depends on anything
            before it.
        is_reference: Whether others may depend on it.
    """

    pts: int
    dts: int | None
    is_shown: bool
    is_entry: bool
    is_reset: bool
    is_reference: bool

    def may_follow(self, earlier: Sequence[Announced]) -> bool:
        """Return whether the times allow that it is decoded next."""
        if self.dts is None:
            return True
        return self.dts <= self.pts and not (
            earlier and earlier[-1].dts is not None and earlier[-1].dts >= self.dts
        )


def announced(
    packets: Iterable[Packet], stream: VideoStream, *, origin: int | None, until_s: float
) -> list[Announced]:
    """Return the packets up to the first whose frame is shown after an instant.

    Args:
        packets: In the order of decoding.
        stream: The track they belong to.
        origin: Timestamp from which `until_s` counts; None for that of the first frame
            among them.
        until_s: The instant, in seconds.

    Raises:
        Unforeseeable: If a timestamp is missing, twice there or out of order, a packet is
            not whole, an edit list leaves out what follows a shown frame, or the packets
            end earlier.
    """
    end_s = until_s + TIMESTAMP_TOLERANCE_S
    read, found, seen, earliest = _reader(stream), [], set(), origin
    for packet in packets:
        if packet.pts is None and not packet.size:
            break  # the end
        one = read(packet)
        if one.pts in seen or not one.may_follow(found):
            raise Unforeseeable("timestamps out of order")
        found.append(one)
        seen.add(one.pts)
        if one.is_shown and origin is None:
            earliest = one.pts if earliest is None else min(earliest, one.pts)
        # An edit list may leave out the beginning. Where it leaves out more, the video ends, or
        # goes on from an earlier key frame.
        is_later = earliest is not None and one.pts > earliest
        if not one.is_shown and (is_later or origin is not None):
            raise Unforeseeable("an edit list leaves frames out")
        # What follows is decoded later still, so it is shown later still.
        known = one.pts if one.is_reset else one.dts
        if None not in (earliest, known) and seconds_since(earliest, known, stream) > end_s:
            return found
    latest = max((one.pts for one in found if one.is_shown), default=None)
    if latest is None or seconds_since(earliest, latest, stream) <= end_s:
        raise Unforeseeable("packets end before the instant")
    return found


def seconds_since(origin: int, pts: int | np.ndarray, stream: VideoStream) -> float | np.ndarray:
    """Return the seconds between two timestamps, rounded as those of decoded frames are."""
    base = stream.time_base
    return pts * 1.0 * base.numerator / base.denominator - (
        origin * 1.0 * base.numerator / base.denominator
    )


def _reader(stream: VideoStream) -> Callable[[Packet], Announced]:
    name = stream.codec_context.codec.canonical_name
    if name == "h264":
        return _H264Reader(h264.length_bytes(stream.codec_context.extradata))
    if name not in SELF_CONTAINED_KEY_FRAMES:
        raise Unforeseeable(f"nothing is known about {name}")
    return _read_any


def _times(packet: Packet) -> tuple[int, int | None, bool]:
    if packet.pts is None:
        raise Unforeseeable("a timestamp is missing")
    if packet.is_corrupt or packet.has_sidedata("new_extradata"):
        raise Unforeseeable("a packet is not like the others")
    return packet.pts, packet.dts, not packet.is_discard


def _read_any(packet: Packet) -> Announced:
    return Announced(
        *_times(packet), is_entry=packet.is_keyframe, is_reset=False, is_reference=True
    )


class _H264Reader:
    def __init__(self, length_bytes: int | None):
        self._length_bytes = length_bytes
        self._parameter_sets: tuple[bytes, ...] | None = None

    def __call__(self, packet: Packet) -> Announced:
        times = _times(packet)
        try:
            picture = h264.read_picture(bytes(packet), length_bytes=self._length_bytes)
        except ValueError as error:
            raise Unforeseeable(str(error)) from error
        if self._parameter_sets is None and picture.is_idr:
            self._parameter_sets = picture.parameter_sets
        # A packet left out must not take new parameters with it.
        begun = self._parameter_sets is not None
        if begun and picture.parameter_sets not in ((), self._parameter_sets):
            raise Unforeseeable("parameters change on the way")
        return Announced(*times, picture.is_idr, picture.is_idr, picture.is_reference)
