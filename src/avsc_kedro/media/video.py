"""The pictures on screen at given instants of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from avsc_kedro.media.containers import decoded_frames, opened, stream_duration_s, video_stream
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.needed import needed_frames
from avsc_kedro.media.picture import to_square
from avsc_kedro.media.timeline import TIMESTAMP_TOLERANCE_S, Unforeseeable

# The last picture stays on screen this long after it has ended.
HOLD_S = 0.5


def read_frames(
    path: str | Path, *, times_s: Sequence[float], size_px: int, start_s: float = 0.0
) -> np.ndarray:
    """Read the picture on screen at each instant.

    That is the last frame whose timestamp is not after the instant. Timestamps
    decide, not frame counts, so a varying frame rate does no harm. The track is the one
    marked as default, else the first; a cover picture is none.

    Decoding begins at a key frame near the first instant, and frames that no wanted one
    depends on are left out, where that is certain to give the same pictures. Damage in
    what is left out stays unseen, as does damage that the decoder itself takes for
    picture content. In a file from which packets are missing, what is shown is a guess of
    the decoder's, and another one where decoding begins elsewhere.

    Args:
        path: Any container FFmpeg reads.
        times_s: Instants in ascending order, counted from `start_s`.
        size_px: Side of the square to which pictures are scaled (`picture.to_square`).
        start_s: Counted from the first frame of the video.

    Returns:
        RGB pictures, one for each instant, shape (instants, size_px, size_px, 3), uint8,
        upright: the rotation that phones store is applied.

    Raises:
        DecodeError: If there is no video track, a needed frame is corrupt, or the video
            ends over half a second before the last instant.
        ValueError: If there are no instants, they do not ascend, or begin before 0.

    Source:
        Section 2.1 (two images from each second); the instants are not given there.
    """
    instants = np.asarray(times_s, dtype=float) + start_s
    if not len(instants) or instants[0] < 0 or np.any(np.diff(instants) < 0):
        raise ValueError(
            f"Expected instants in ascending order, from 0 on. Received {instants.tolist()}."
        )
    try:
        return _pictures(needed_frames(path, instants=instants), len(instants), size_px)
    except (Unforeseeable, DecodeError):
        # Decoding from the beginning decides, and words the error.
        return _pictures(all_frames(path, instants=instants), len(instants), size_px)


def all_frames(path: str | Path, *, instants: np.ndarray) -> Iterator[tuple[VideoFrame, int]]:
    """Yield each frame on screen at an instant, and for how many instants it is.

    Everything from the beginning to the last instant is decoded.

    Raises:
        DecodeError: As `read_frames` does.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise _no_video(path, container)
        shown, served, count, end_s = None, 0, 0, 0.0
        for time_s, frame in _timed_frames(path, container, stream):
            due = int(np.searchsorted(instants, time_s - TIMESTAMP_TOLERANCE_S))
            if due > served:
                yield shown, due - served
            if due == len(instants):
                return
            shown, served, count = frame, due, count + 1
            end_s = time_s + _length_s(frame, stream)
        _require_reaches(path, stream, last_s=instants[-1], end_s=end_s, count=count)
        yield shown, len(instants) - served


def _pictures(frames: Iterable[tuple[VideoFrame, int]], count: int, size_px: int) -> np.ndarray:
    pictures = np.empty((count, size_px, size_px, 3), np.uint8)
    filled, scaler = 0, VideoReformatter()
    for frame, instants in frames:
        pictures[filled : filled + instants] = to_square(frame, size_px=size_px, scaler=scaler)
        filled += instants
    return pictures


def _timed_frames(
    path: str | Path, container: InputContainer, stream: VideoStream
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield frames with their seconds since the first, which never decrease."""
    origin_s, latest_s = None, 0.0
    for count, frame in enumerate(decoded_frames(path, container, stream)):
        if frame.is_corrupt:
            raise DecodeError.about(
                path,
                expected="whole frames",
                received=f"a corrupt one after {count}",
                remedy="The file is damaged: copy or download it again.",
            )
        if frame.time is not None:
            origin_s = frame.time if origin_s is None else origin_s
            latest_s = max(latest_s, frame.time - origin_s)
        yield latest_s, frame


def _length_s(frame: VideoFrame, stream: VideoStream) -> float:
    if frame.duration:
        return float(frame.duration * frame.time_base)
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _require_reaches(
    path: str | Path, stream: VideoStream, *, last_s: float, end_s: float, count: int
) -> None:
    declared_s = stream_duration_s(stream) or 0.0
    cut_off = end_s < last_s and declared_s - end_s > HOLD_S / 2
    if count and not cut_off and last_s <= end_s + HOLD_S:
        return
    frames = f" of {stream.frames}" if stream.frames else ""
    raise DecodeError.about(
        path,
        expected=f"video until {last_s:.1f} s",
        received=f"{end_s:.1f} s, decoded {count}{frames} frames (declares {declared_s:.1f} s)",
        remedy="Give a longer video, or copy it again if it is cut off.",
    )


def _no_video(path: str | Path, container: InputContainer) -> DecodeError:
    return DecodeError.about(
        path,
        expected="a video track",
        received="only a cover picture" if container.streams.video else "none",
        remedy="Add one, or name a file that has video.",
    )
