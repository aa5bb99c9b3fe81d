"""Opening a container, choosing its tracks and decoding them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avsc_kedro.media.decode_error import DecodeError

_Track = TypeVar("_Track", AudioStream, VideoStream)


@contextmanager
def opened(path: str | Path) -> Iterator[InputContainer]:
    """Open a container for the length of a block.

    Raises:
        DecodeError: If FFmpeg cannot open it, or fails inside the block.
    """
    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            yield container
    except av.error.FFmpegError as error:
        raise DecodeError.about(
            path, expected="a readable media file", received=f"{error.strerror!r}"
        ) from error


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the sound track marked as default, else the first, decoded on one thread.

    Raises:
        DecodeError: If FFmpeg has no decoder for it.
    """
    return _decodable(container, _preferred(container.streams.audio))


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the picture track marked as default, else the first, decoded on one thread.

    A cover picture is none, marked or not.

    Raises:
        DecodeError: If FFmpeg has no decoder for it.
    """
    moving = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return _decodable(container, _preferred(moving))


def decoded_frames(
    path: str | Path, container: InputContainer, stream: AudioStream | VideoStream
) -> Iterator[AudioFrame | VideoFrame]:
    """Yield a track's frames in the order they are heard or shown.

    Raises:
        DecodeError: If FFmpeg fails before the end; says how far it came.
    """
    count, reached_s = 0, 0.0
    try:
        for frame in container.decode(stream):
            count, reached_s = count + 1, frame.time or reached_s
            yield frame
    except av.error.FFmpegError as error:
        raise DecodeError.about(
            path,
            expected=f"{stream_duration_s(stream) or 0.0:.1f} s of {stream.type} as declared",
            received=f"{reached_s:.1f} s, {count} of {stream.frames} frames, "
            f"then {error.strerror!r}",
            remedy="The file is cut off or damaged: copy or download it again.",
        ) from error


def stream_duration_s(stream: AudioStream | VideoStream) -> float | None:
    """Return the length that the track declares for itself."""
    return None if stream.duration is None else float(stream.duration * stream.time_base)


def _preferred(tracks: Sequence[_Track]) -> _Track | None:
    marked = (track for track in tracks if track.disposition & Disposition.default)
    return next(marked, next(iter(tracks), None))


def _decodable(container: InputContainer, stream: _Track | None) -> _Track | None:
    if stream is None:
        return None
    if stream.codec_context is None:
        raise DecodeError.about(
            container.name,
            expected=f"{stream.type} of a kind that FFmpeg decodes",
            received="an unknown one",
            remedy="The file is damaged or of a rare format: copy or convert it anew.",
        )
    # Clips are decoded in parallel, one process each.
    stream.codec_context.thread_count = 1
    return stream
