"""One look for every figure: colours, type sizes, and how it becomes a PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from avsc_kedro import paper

WIDTH_INCHES = 12.0
INK = "#222222"
QUIET = "#6b6b6b"
GRID = "#dddddd"

# Okabe and Ito's colours, which stay apart for every common colour blindness.
AUDIO = "#0072b2"
VISUAL = "#d55e00"
BOTH = "#00785a"
NEUTRAL = "#8c8c8c"
MODALITY_COLOURS = {"audio": AUDIO, "visual": VISUAL, "both": BOTH}
TITLES = {row.name: row.title for row in (*paper.BRANCHES, *paper.FUSIONS)}

# Paul Tol's muted scheme; a marker goes with each colour, so that neither stands alone.
SCENE_COLOURS = (
    "#332288",
    "#cc6677",
    "#ddaa33",
    "#117733",
    "#56b4e9",
    "#882255",
    "#44aa99",
    "#777777",
    "#aa4499",
    "#8a8a1f",
)
SCENE_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

STYLE = {
    "figure.dpi": 120,
    "savefig.dpi": "figure",
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Return `draw` with the house style around it; matplotlib's own settings stay."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(*, height_inches: float) -> Figure:
    """Return an empty figure of the page's width that lays itself out."""
    return Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def row_title(name: str) -> str:
    """Return the title of a branch or fusion row, such as "Aud-MEL"; others stay as given."""
    return TITLES.get(name, name)


def modality_of(name: str) -> str | None:
    """Return audio, visual or both for a branch or fusion row, None for another name."""
    if name in paper.FUSION_BY_NAME:
        members = set(paper.FUSION_BY_NAME[name].branches)
        if members <= set(paper.AUDIO_BRANCHES):
            return "audio"
        return "visual" if members <= set(paper.VISUAL_BRANCHES) else "both"
    return next((branch.modality for branch in paper.BRANCHES if branch.name == name), None)


def hide_frame(axes: Axes) -> None:
    """Leave nothing of the axes but what is drawn in them."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def figure_png(figure: Figure) -> bytes:
    """Return the figure as PNG bytes, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=figure.dpi, metadata={"Software": None})
    return buffer.getvalue()
