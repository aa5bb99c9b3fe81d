"""A decoded frame as an upright RGB square."""

from __future__ import annotations

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

# AREA averages where an axis shrinks and interpolates linearly where it grows. The others
# cost little and keep colours unbiased, sharp, and the same on every processor.
SCALING = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
)


def to_square(frame: VideoFrame, *, size_px: int, scaler: VideoReformatter) -> np.ndarray:
    """Scale a frame to a square, whatever its aspect ratio, and turn it upright.

    An axis that shrinks is averaged over areas, one that grows is interpolated. Colours
    follow the matrix and range that the frame declares; BT.601 and limited range if none.

    Args:
        frame: As decoded, of any pixel format and depth.
        size_px: Side of the square.
        scaler: Keeps its tables from frame to frame.

    Returns:
        RGB, shape (size_px, size_px, 3), uint8.

    Source:
        Section 2.1 (scaled to 224x224x3); cropping or squashing is not stated there.
    """
    square = scaler.reformat(
        frame,
        width=size_px,
        height=size_px,
        format="rgb24",
        interpolation=SCALING,
        threads=1,  # clips are decoded in parallel, one process each
    )
    return np.rot90(square.to_ndarray(), round(frame.rotation / 90))
