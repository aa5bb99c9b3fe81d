"""Sound from WAV and FLAC files, at the precision they store."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import soundfile

from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.sound import Sound, declared_within, require_plausible

UNKNOWN_BYTES = 0xFFFFFFFF


def is_pcm_file(path: str | Path) -> bool:
    """Return whether a file starts as WAV or FLAC do, whatever its suffix."""
    try:
        with open(path, "rb") as file:
            head = file.read(12)
    except OSError as error:
        raise DecodeError.about(
            path, expected="a readable media file", received=f"{error.strerror!r}"
        ) from error
    return head[:4] == b"fLaC" or (head[:4] == b"RIFF" and head[8:] == b"WAVE")


def read_pcm(path: str | Path, *, start_s: float, duration_s: float) -> Sound:
    """Read a stretch of a WAV or FLAC file.

    Raises:
        DecodeError: If libsndfile refuses the file, or its header declares an
            absurd sample rate or more than 8 channels.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            require_plausible(path, sample_rate_hz=rate, channels=file.channels)
            samples = np.zeros((round(duration_s * rate), file.channels), dtype=np.float32)
            file.seek(min(round(start_s * rate), file.frames))
            decoded = len(file.read(out=samples))
            declared_s = (_declared_frames(path) or file.frames) / rate
    except soundfile.LibsndfileError as error:
        raise DecodeError.about(
            path, expected="a readable WAV or FLAC file", received=f"{error.error_string!r}"
        ) from error
    return Sound(
        samples=samples.T,
        sample_rate_hz=rate,
        decoded_s=decoded / rate,
        declared_s=declared_within(declared_s, start_s=start_s, duration_s=duration_s),
    )


def _declared_frames(path: str | Path) -> int | None:
    # libsndfile cuts a WAV's declared length to what is there, so the header is read here.
    with open(path, "rb") as file:
        if file.read(4) != b"RIFF":
            return None
        file.seek(12)
        block_bytes = None
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                known = size != UNKNOWN_BYTES and block_bytes
                return size // block_bytes if known else None
            if name == b"fmt ":
                block_bytes = struct.unpack_from("<H", file.read(16), 12)[0]
                size -= 16
            file.seek(size + size % 2, 1)
    return None
