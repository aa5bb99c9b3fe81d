"""What a media file holds, without decoding it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from avsc_kedro.media.containers import audio_stream, opened, stream_duration_s, video_stream
from avsc_kedro.media.decode_error import decoding


@dataclass(frozen=True)
class MediaInfo:
    """Tracks of a file as it declares them; None where it has no such track or says nothing."""

    duration_s: float | None
    sample_rate_hz: int | None = None
    channels: int | None = None
    width_px: int | None = None
    height_px: int | None = None
    frame_rate_fps: float | None = None
    rotation_deg: int | None = None
    audio_duration_s: float | None = None
    video_duration_s: float | None = None

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track."""
        return self.sample_rate_hz is not None

    @property
    def has_video(self) -> bool:
        """Whether there is a picture track other than a cover picture."""
        return self.width_px is not None

    @property
    def shared_duration_s(self) -> float | None:
        """How long sound and pictures both last; the file's duration if neither track says."""
        tracks = [s for s in (self.audio_duration_s, self.video_duration_s) if s is not None]
        return min(tracks, default=self.duration_s)


def probe(path: str | Path) -> MediaInfo:
    """Return what a file declares.

    Width and height are those of the stored picture, before `rotation_deg`
    (counterclockwise) is applied.

    Raises:
        DecodeError: If the file cannot be opened, or a track has no decoder.
    """
    with decoding(path), opened(path) as container:
        audio, video = audio_stream(container), video_stream(container)
        sound, picture = {}, {}
        if audio is not None:
            sound = {
                "sample_rate_hz": audio.rate,
                "channels": audio.layout.nb_channels,
                "audio_duration_s": stream_duration_s(audio),
            }
        if video is not None:
            picture = {
                "width_px": video.width,
                "height_px": video.height,
                "frame_rate_fps": float(video.average_rate) if video.average_rate else None,
                "rotation_deg": _rotation_deg(container, video),
                "video_duration_s": stream_duration_s(video),
            }
        return MediaInfo(duration_s=_duration_s(container, audio, video), **sound, **picture)


def _duration_s(container: InputContainer, *streams) -> float | None:
    if container.duration is not None:
        return container.duration / 1e6
    declared = [stream_duration_s(stream) for stream in streams if stream is not None]
    return max((seconds for seconds in declared if seconds is not None), default=None)


def _rotation_deg(container: InputContainer, stream: VideoStream) -> int | None:
    # PyAV tells the rotation with a decoded frame only.
    first = next(container.decode(stream), None)
    return None if first is None else first.rotation
