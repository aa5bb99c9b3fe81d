"""Sound from the track of a container, placed by its timestamps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from avsc_kedro.media.containers import audio_stream, decoded_frames, opened, stream_duration_s
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.sound import Sound, declared_within, require_plausible

# Timestamps of some containers are coarse: smaller jumps are rounding, larger ones are holes.
JITTER_S = 0.1


def read_track(path: str | Path, *, start_s: float, duration_s: float) -> Sound:
    """Read a stretch of a container's sound track: the one marked as default, else the first.

    Time counts from the track's own start, also where the container says that it is
    heard later than the pictures. A hole between packets stays a hole of zeros, so that
    what follows keeps its time.

    Decoding always begins with the track: AAC fills bands with noise that depends on all
    that came before, and it costs little beside the pictures.

    Raises:
        DecodeError: If there is no sound track, FFmpeg fails on it, its sample rate
            is absurd, or it has more than 8 channels.
    """
    with opened(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise DecodeError.about(
                path,
                expected="a sound track",
                received="none",
                remedy="Add one, or name a file that has sound.",
            )
        rate, channels = stream.rate, stream.layout.nb_channels
        require_plausible(path, sample_rate_hz=rate, channels=channels)
        wanted = round(duration_s * rate)
        samples = np.zeros((channels, wanted), dtype=np.float32)
        first, covered = round(start_s * rate), 0
        for position, frame in _placed_frames(container, stream, path):
            if position + frame.samples <= first:
                continue
            begin = min(max(position - first, 0), wanted)
            end = min(position - first + frame.samples, wanted)
            offset = first + begin - position
            samples[:, begin:end] = frame.to_ndarray()[:, offset : offset + end - begin]
            covered += end - begin
            if end == wanted:
                break
        return Sound(
            samples=samples,
            sample_rate_hz=rate,
            decoded_s=covered / rate,
            declared_s=declared_within(
                stream_duration_s(stream), start_s=start_s, duration_s=duration_s
            ),
            names=tuple(channel.name for channel in stream.layout.channels),
        )


def _placed_frames(
    container: InputContainer, stream: AudioStream, path: str | Path
) -> Iterator[tuple[int, AudioFrame]]:
    """Yield each decoded frame, planar float, with the position of its first sample."""
    rate, layout, origin_s, filled = stream.rate, stream.layout.name, None, 0
    to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=rate)
    for frame in decoded_frames(path, container, stream):
        if frame.sample_rate != rate or frame.layout.name != layout:
            raise DecodeError.about(
                path,
                expected=f"{layout} sound at {rate} Hz throughout",
                received=f"{frame.layout.name} at {frame.sample_rate} Hz further on",
            )
        if frame.time is not None:
            origin_s = frame.time if origin_s is None else origin_s
            position = round((frame.time - origin_s) * rate)
            filled = position if position - filled > JITTER_S * rate else filled
        planar = [frame] if frame.format.name == "fltp" else to_float.resample(frame)
        for converted in planar:
            yield filled, converted
            filled += converted.samples
