"""The pictures on screen at given instants of a video."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from avsc_kedro.media.containers import decoded_frames, opened, stream_duration_s, video_stream
from avsc_kedro.media.decode_error import DecodeError

# The last picture stays on screen this long after it has ended.
HOLD_S = 0.5
# Matroska rounds timestamps to milliseconds: an instant this close before a frame is the frame's.
TIMESTAMP_TOLERANCE_S = 1e-3


def read_frames(
    path: str | Path, *, times_s: Sequence[float], start_s: float = 0.0
) -> list[np.ndarray]:
    """Read the picture on screen at each instant, in one pass that ends with the last.

    That is the last frame whose timestamp is not after the instant. Timestamps
    decide, not frame counts, so a varying frame rate does no harm.

    Args:
        path: Any container FFmpeg reads.
        times_s: Instants in ascending order, counted from `start_s`.
        start_s: Counted from the first frame of the video.

    Returns:
        RGB pictures, one for each instant, shape (height, width, 3), uint8, upright:
        the rotation that phones store is applied.

    Raises:
        DecodeError: If there is no video track (a cover picture is none), a frame is
            corrupt, or the video ends over half a second before the last instant.
        ValueError: If `times_s` do not ascend.

    Source:
        Section 2.1 (two images from each second); the instants are not given there.
    """
    instants = np.asarray(times_s, dtype=float) + start_s
    if np.any(np.diff(instants) < 0):
        raise ValueError(f"Expected instants in ascending order. Received {list(times_s)}.")
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise _no_video(path, container)
        return _pictures(path, container, stream, instants)


def _pictures(
    path: str | Path, container: InputContainer, stream: VideoStream, instants: np.ndarray
) -> list[np.ndarray]:
    pictures: list[np.ndarray] = []
    rgb = VideoReformatter()
    shown, count, end_s = None, 0, 0.0
    for time_s, frame in _timed_frames(path, container, stream):
        due = np.searchsorted(instants, time_s - TIMESTAMP_TOLERANCE_S)
        _show(shown, until=due, pictures=pictures, rgb=rgb)
        if len(pictures) == len(instants):
            return pictures
        shown, count, end_s = frame, count + 1, time_s + _length_s(frame, stream)
    _require_reaches(path, stream, last_s=instants[-1], end_s=end_s, count=count)
    _show(shown, until=len(instants), pictures=pictures, rgb=rgb)
    return pictures


def _show(
    frame: VideoFrame | None, *, until: int, pictures: list[np.ndarray], rgb: VideoReformatter
) -> None:
    """Append the frame's picture until there are `until` of them."""
    missing = until - len(pictures)
    if missing > 0:
        upright = np.rot90(
            rgb.reformat(frame, format="rgb24").to_ndarray(), round(frame.rotation / 90)
        )
        pictures.extend([np.ascontiguousarray(upright)] * missing)


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
