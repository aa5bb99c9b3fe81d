"""What the networks see of some clips: a row a clip, its spectrograms and a few frames."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from avsc_kedro.figures.style import QUIET, hide_frame, new_figure, styled

COLOURS = "magma"
ROW_INCHES = 1.0
FEWEST_INCHES = 2.8
DOTS_PER_INCH = 96  # as wide as the page; noise compresses badly: ten rows are 1.4 MB
MOST_FRAMES = 4
NAME_LETTERS, CLIP_LETTERS, CLIP_LINES = 15, 20, 3
TICKS_HZ = {100: "100", 1000: "1k", 3000: "3k", 10000: "10k"}
# What lies further below the loudest is drawn as silence, so that one silent clip does
# not take the colours of the others.
MOST_DB = 100.0


class ClipFeatures(NamedTuple):
    """One clip's features and what to call them.

    name is written bold, such as the scene; clip_id below it. spectrograms are log
    power in dB by kind (mel, gam, cqt), shape (bands, frames, channels); frames are
    RGB, shape (frames, height, width, 3), uint8.
    """

    name: str
    clip_id: str
    spectrograms: Mapping[str, np.ndarray]
    frames: np.ndarray


@styled
def draw_features(
    clips: Sequence[ClipFeatures],
    *,
    centres_hz: Mapping[str, np.ndarray] | None = None,
    hop_ms: float | None = None,
    frames_per_second: float | None = None,
) -> Figure:
    """Draw the left channel of each spectrogram and up to four frames, one row per clip.

    The spectrograms of a kind share one colour scale, so that levels compare.

    Args:
        clips: From top to bottom, all with the same kinds and shapes.
        centres_hz: The frequency of each band by kind; bands are counted without it.
        hop_ms: Time between spectrogram frames; they are counted without it.
        frames_per_second: Of the pictures; they are numbered without it.

    Raises:
        ValueError: If there is no clip.
    """
    if not clips:
        raise ValueError("Expected the features of at least one clip. Received none.")
    kinds = list(clips[0].spectrograms)
    chosen = _choose_frames(len(clips[0].frames))
    figure = new_figure(height_inches=max(FEWEST_INCHES, 0.9 + ROW_INCHES * len(clips)))
    figure.set_dpi(DOTS_PER_INCH)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    widths = [1.35, *[2.3] * len(kinds), max(1.0, len(chosen))]
    grid = figure.subplots(len(clips), len(widths), squeeze=False, width_ratios=widths)
    for row, clip in zip(grid, clips, strict=True):
        _write_name(row[0], clip)
        _draw_strip(row[-1], clip.frames[chosen])
    for column, kind in zip(grid.T[1:], kinds, strict=False):
        levels = [clip.spectrograms[kind][..., 0] for clip in clips]
        centres = None if centres_hz is None else centres_hz[kind]
        _draw_column(column, levels, centres_hz=centres, hop_ms=hop_ms)
        column[0].set_title(kind.upper())
    if len(chosen):
        grid[0, -1].set_title("frames")
        _label_frames(grid[-1, -1], chosen, frames_per_second=frames_per_second)
    return figure


def _choose_frames(count: int) -> np.ndarray:
    """Return up to four indices, evenly from the first frame to the last."""
    return np.linspace(0, count - 1, min(count, MOST_FRAMES)).round().astype(int)


def _write_name(axes: Axes, clip: ClipFeatures) -> None:
    hide_frame(axes)
    name = textwrap.fill(clip.name, NAME_LETTERS)
    # Names are anybody's: a dollar sign in them is no formula.
    look = {"transform": axes.transAxes, "parse_math": False, "in_layout": False}
    axes.text(0, 0.56, name, weight="bold", va="bottom", **look)
    lines = textwrap.wrap(clip.clip_id, CLIP_LETTERS, max_lines=CLIP_LINES, placeholder="…")
    axes.text(0, 0.5, "\n".join(lines), size=7.5, color=QUIET, va="top", **look)


def _draw_column(
    column: np.ndarray,
    levels: Sequence[np.ndarray],
    *,
    centres_hz: np.ndarray | None,
    hop_ms: float | None,
) -> None:
    quiet, loud = np.percentile(np.stack(levels), (1, 99.8))
    limits = max(quiet, loud - MOST_DB), max(loud, quiet + 1)
    for axes, level in zip(column, levels, strict=True):
        image = _draw_level(axes, level, hop_ms=hop_ms, limits=limits)
        axes.tick_params(labelbottom=axes is column[-1], labelsize=8, length=2.5, pad=2)
        if centres_hz is not None:
            _mark_frequencies(axes, centres_hz)
    unit = "band" if centres_hz is None else "Hz"
    column[0].annotate(unit, (0, 1), (-4, 3), "axes fraction", "offset points", ha="right", size=8)
    column[-1].set_xlabel("frame" if hop_ms is None else "time (s)", labelpad=1)
    bar = axes.figure.colorbar(image, ax=list(column), location="bottom", aspect=34, pad=0.01)
    bar.set_label("level (dB)", labelpad=1)
    bar.ax.tick_params(labelsize=8, pad=2)


def _draw_level(
    axes: Axes, level_db: np.ndarray, *, hop_ms: float | None, limits: tuple[float, float]
) -> AxesImage:
    bands, count = level_db.shape
    end = count if hop_ms is None else count * hop_ms / 1000
    return axes.imshow(
        level_db,
        origin="lower",
        aspect="auto",
        cmap=COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, end, 0, bands),
        interpolation="auto",
    )


def _mark_frequencies(axes: Axes, centres_hz: np.ndarray) -> None:
    """Put a tick where a frequency lies among the bands, half a band from a band's edge."""
    inside = [hz for hz in TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1]]
    places = np.interp(inside, centres_hz, np.arange(len(centres_hz)) + 0.5)
    axes.set_yticks(places, [TICKS_HZ[hz] for hz in inside])


def _draw_strip(axes: Axes, frames: np.ndarray) -> None:
    """Draw frames side by side as one picture; frame i lies from i to i + 1."""
    hide_frame(axes)
    if not len(frames):
        return
    height, width = frames.shape[1:3]
    gap = np.full((height, max(1, width // 24), 3), 255, np.uint8)
    strip = np.concatenate([part for frame in frames for part in (frame, gap)], axis=1)
    count = len(frames)
    axes.imshow(strip, extent=(0, count, 0, 1), aspect=height * count / strip.shape[1])
    axes.set_xlim(-0.1, count)
    axes.set_anchor("N")


def _label_frames(axes: Axes, indices: np.ndarray, *, frames_per_second: float | None) -> None:
    """Write each frame's instant, or its number, below it."""
    times = indices if frames_per_second is None else indices / frames_per_second
    words = [f"{time:.{0 if frames_per_second is None else 1}f}" for time in times]
    axes.set_xticks(np.arange(len(indices)) + 0.5, words)
    axes.tick_params(labelsize=8, length=0, pad=2)
    axes.set_xlabel("frame" if frames_per_second is None else "time (s)", labelpad=1)
