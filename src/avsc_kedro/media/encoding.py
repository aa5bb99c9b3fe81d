"""Write waveforms and frames as the real data set stores them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import soundfile

X264 = {"preset": "superfast", "crf": "20", "threads": "1"}


def write_wav(path: Path, waveform: np.ndarray, *, sample_rate_hz: int) -> None:
    """Write a stereo waveform as 24-bit PCM.

    Args:
        path: File to write, whatever its suffix.
        waveform: Shape (2, samples), float in [-1, 1].
        sample_rate_hz: Samples per second.

    Raises:
        ValueError: If the waveform is not of shape (2, samples).
    """
    if waveform.ndim != 2 or waveform.shape[0] != 2:
        raise ValueError(
            f"Expected a waveform of shape (2, samples). Received shape {waveform.shape} "
            f"for {path}."
        )
    soundfile.write(path, waveform.T, sample_rate_hz, format="WAV", subtype="PCM_24")


def write_mp4(path: Path, frames: Iterable[np.ndarray], *, frame_rate_fps: int) -> None:
    """Write frames as H.264 video (yuv420p), the same bytes for the same frames.

    Args:
        path: File to write, whatever its suffix.
        frames: RGB pictures of one shape (height, width, 3), uint8; both sides even.
        frame_rate_fps: Frames per second.

    Raises:
        ValueError: If there is no frame or a side is odd, which yuv420p cannot hold.
    """
    shots = iter(frames)
    first = next(shots, None)
    if first is None or first.shape[0] % 2 or first.shape[1] % 2:
        received = "none" if first is None else f"shape {first.shape}"
        raise ValueError(f"Expected frames with even sides. Received {received} for {path}.")
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate_fps, options=X264)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for shot in (first, *shots):
            picture = av.VideoFrame.from_ndarray(shot, format="rgb24")
            # Left to the encoder, the conversion takes several threads, and a byte in some
            # thousand frames comes out otherwise.
            container.mux(stream.encode(picture.reformat(format="yuv420p", threads=1)))
        container.mux(stream.encode())
