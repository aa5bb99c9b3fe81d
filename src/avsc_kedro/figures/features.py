"""What the networks see of one clip: three spectrograms and a strip of frames."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avsc_kedro.figures.style import hide_frame, new_figure, styled

COLOURS = "magma"
FRAMES_PER_STRIP = 10


@styled
def draw_clip_features(
    spectrograms: Mapping[str, np.ndarray],
    frames: np.ndarray,
    *,
    title: str,
    hop_ms: float | None = None,
    frames_per_second: float | None = None,
) -> Figure:
    """Draw the left channel of each spectrogram above up to ten frames.

    Args:
        spectrograms: Log power in dB by kind (mel, gam, cqt), shape (bands, frames, channels).
        frames: RGB, shape (frames, height, width, 3), uint8.
        title: Written above, such as the clip's name and scene.
        hop_ms: Time between spectrogram frames; the axis counts frames without it.
        frames_per_second: Of the pictures; they are numbered without it.
    """
    figure = new_figure(height_inches=5.6)
    above, below = figure.subfigures(2, 1, height_ratios=(3.1, 1.25))
    figure.suptitle(title, weight="bold")
    panels = above.subplots(1, max(len(spectrograms), 1), squeeze=False)[0]
    for axes, (kind, spectrogram) in zip(panels, spectrograms.items(), strict=True):
        _draw_spectrogram(axes, spectrogram[..., 0], hop_ms=hop_ms)
        axes.set_title(f"{kind.upper()}, left channel")
    panels[0].set_ylabel("band, low to high")
    _draw_strip(below, frames, frames_per_second=frames_per_second)
    return figure


def _draw_spectrogram(axes: Axes, level_db: np.ndarray, *, hop_ms: float | None) -> None:
    bands, count = level_db.shape
    end = count if hop_ms is None else count * hop_ms / 1000
    quiet, loud = np.percentile(level_db, (1, 99.8))
    image = axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        cmap=COLOURS,
        vmin=quiet,
        vmax=max(loud, quiet + 1),
        extent=(0, end, 0, bands),
        interpolation="nearest",
    )
    axes.set_xlabel("frame" if hop_ms is None else "time (s)")
    axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=30).set_label("dB")


def _draw_strip(figure: Figure, frames: np.ndarray, *, frames_per_second: float | None) -> None:
    chosen = range(0, len(frames), max(1, math.ceil(len(frames) / FRAMES_PER_STRIP)))
    if not chosen:
        return
    panels = figure.subplots(1, len(chosen), squeeze=False)[0]
    for axes, index in zip(panels, chosen, strict=True):
        axes.imshow(frames[index])
        hide_frame(axes)
        second = None if frames_per_second is None else index / frames_per_second
        axes.set_xlabel(f"frame {index}" if second is None else f"{second:.1f} s")
