"""The wanted frames of a video at the price of those that they depend on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.stream import VideoStream

from avsc_kedro.media.containers import decoded_frames, opened, video_stream
from avsc_kedro.media.timeline import (
    TIMESTAMP_TOLERANCE_S,
    Announced,
    Unforeseeable,
    announced,
    seconds_since,
)

# How long before the first instant a key frame is looked for; at last from the beginning.
STEPS_BACK_S = (0, 1, 5, 30, np.inf)


def needed_frames(path: str | Path, *, instants: np.ndarray) -> Iterator[tuple[VideoFrame, int]]:
    """Yield each frame on screen at an instant, and for how many instants it is.

    Frames that no wanted one depends on are not decoded. What comes is compared with
    what the packets announced, so it is what decoding everything would have given.

    Args:
        path: Any container FFmpeg reads.
        instants: Ascending, in seconds from the first frame of the video.

    Raises:
        Unforeseeable: If the packets do not tell for certain which frames are needed, or
            others come.
        DecodeError: If FFmpeg cannot open the file, or fails on what is needed.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise Unforeseeable("no video track")
        if instants[0] > 0:
            origin = _first_pts(path, container, stream)
            packets = _packets_near(container, stream, origin=origin, instants=instants)
            known = packets[0].pts
        else:
            packets = _packets_from_the_beginning(container, stream, until_s=instants[-1])
            known = origin = min(p.pts for p in packets if p.is_shown)
        on_screen = Counter(_on_screen(packets, stream, origin=origin, instants=instants))
        # A frame whose place is known shows that time counts from where it was said to.
        needed = choose(packets, wanted={known, *on_screen})
        first = packets[0]
        container.seek(first.pts if first.dts is None else first.dts, stream=stream)
        for frame in _as_announced(container, stream, packets=packets, needed=needed, known=known):
            if frame.pts in on_screen:
                yield frame, on_screen[frame.pts]


def choose(packets: Sequence[Announced], *, wanted: set[int]) -> list[bool]:
    """Return of each packet whether a wanted frame, known by its timestamp, depends on it."""
    needed, wanted_later = [], False
    for packet in reversed(packets):
        is_wanted = packet.pts in wanted
        wanted_later |= is_wanted
        needed.append(is_wanted or (wanted_later and packet.is_reference))
        wanted_later &= not packet.is_reset
    return needed[::-1]


def _packets_from_the_beginning(
    container: InputContainer, stream: VideoStream, *, until_s: float
) -> list[Announced]:
    if stream.codec_context.name != "h264":
        raise Unforeseeable("all of it may be needed")
    packets = announced(container.demux(stream), stream, origin=None, until_s=until_s)
    if not packets[0].is_entry:
        raise Unforeseeable("the beginning is missing")
    return packets


def _packets_near(
    container: InputContainer, stream: VideoStream, *, origin: int, instants: np.ndarray
) -> list[Announced]:
    """Return the packets from a key frame that is shown not after the first instant."""
    for back_s in STEPS_BACK_S:
        target_s = max(0.0, instants[0] - back_s)
        container.seek(origin + int(target_s / stream.time_base), stream=stream)
        packets = announced(container.demux(stream), stream, origin=origin, until_s=instants[-1])
        packets = list(dropwhile(lambda packet: not packet.is_entry, packets))
        if packets and seconds_since(origin, packets[0].pts, stream) <= instants[0]:
            return packets
    raise Unforeseeable("no key frame before the first instant")


def _on_screen(
    packets: Sequence[Announced], stream: VideoStream, *, origin: int, instants: np.ndarray
) -> list[int]:
    """Return for each instant the timestamp of the last frame not after it."""
    shown = np.array(sorted(p.pts for p in packets if p.is_shown and p.pts >= packets[0].pts))
    begins_s = seconds_since(origin, shown, stream) - TIMESTAMP_TOLERANCE_S
    last = np.searchsorted(begins_s, instants, side="right") - 1
    if last[0] < 0:
        raise Unforeseeable("no frame at the first instant")
    return shown[last].tolist()


def _as_announced(
    container: InputContainer,
    stream: VideoStream,
    *,
    packets: Sequence[Announced],
    needed: Sequence[bool],
    known: int,
) -> Iterator[VideoFrame]:
    coming = sorted(p.pts for p, feed in zip(packets, needed, strict=True) if feed and p.is_shown)
    coming = deque(pts for pts in coming if pts >= known)
    for frame in _decoded(container, stream, packets=packets, needed=needed):
        if frame.pts is not None and frame.pts < known:
            continue
        is_announced = bool(coming) and frame.pts == coming.popleft()
        # Of two fields, each in a packet of its own, one may have been left out.
        if not is_announced or frame.is_corrupt or frame.interlaced_frame:
            raise Unforeseeable("another frame than announced")
        # A container without a list of key frames calls every packet one.
        if frame.pts == packets[0].pts and not frame.key_frame:
            raise Unforeseeable("a key frame that is none")
        yield frame
    if coming:
        raise Unforeseeable("fewer frames than announced")


def _decoded(
    container: InputContainer,
    stream: VideoStream,
    *,
    packets: Sequence[Announced],
    needed: Sequence[bool],
) -> Iterator[VideoFrame]:
    last = max(index for index, feed in enumerate(needed) if feed)
    found = dropwhile(lambda packet: packet.pts != packets[0].pts, container.demux(stream))
    for packet, one, feed in zip(found, packets[: last + 1], needed, strict=False):
        if (packet.pts, packet.dts) != (one.pts, one.dts):
            raise Unforeseeable("other packets the second time")
        if feed:
            yield from packet.decode()
    yield from stream.codec_context.decode(None)


def _first_pts(path: str | Path, container: InputContainer, stream: VideoStream) -> int:
    first = next(decoded_frames(path, container, stream), None)
    if first is None or first.pts is None:
        raise Unforeseeable("no first frame")
    return first.pts
