"""Block diagrams of the networks as they were built, in the form of Figures 2 and 3.

A layer is a row (title, output shape without batch, trainable parameters).
Titles that start with "FC" are the embedding cut points and are drawn so.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from avsc_kedro.figures.style import (
    AUDIO,
    BOTH,
    INK,
    NEUTRAL,
    QUIET,
    VISUAL,
    hide_frame,
    new_figure,
    styled,
)

Layer = tuple[str, Sequence[int], int]

BLOCKS_PER_LINE = 10
BOX_WIDTH, BOX_HEIGHT = 0.82, 1.0
LINE_HEIGHT = 1.5
STACK_STEP = 0.08
TITLE_LETTERS = 12


@styled
def draw_audio_networks(layers: Sequence[Layer]) -> Figure:
    """Draw the network that each spectrogram, MEL, GAM and CQT, has one of (Figure 2)."""
    title = "Aud-MEL, Aud-GAM, Aud-CQT: one such network per spectrogram"
    return _draw({title: layers}, colour=AUDIO, inputs=("MEL", "GAM", "CQT"))


@styled
def draw_visual_networks(networks: Mapping[str, Sequence[Layer]]) -> Figure:
    """Draw each picture network below the other (Figure 3), titled by its key."""
    return _draw(networks, colour=VISUAL, inputs=("frame",))


def _draw(networks: Mapping[str, Sequence[Layer]], *, colour: str, inputs: Sequence[str]) -> Figure:
    if not networks or not all(networks.values()):
        raise ValueError(f"Expected the layers of each network. Received {dict(networks)}.")
    lines = [math.ceil(len(layers) / BLOCKS_PER_LINE) for layers in networks.values()]
    heights = [0.35 + LINE_HEIGHT * count for count in lines]
    figure = new_figure(height_inches=sum(heights))
    panels = figure.subplots(len(networks), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, layers), count in zip(panels, networks.items(), lines, strict=True):
        _draw_network(axes, layers, colour=colour, inputs=inputs, lines=count)
        total = sum(parameters for _, _, parameters in layers)
        axes.set_title(f"{title} ({_amount(total)} trainable parameters)", loc="left")
    return figure


def _draw_network(
    axes: Axes, layers: Sequence[Layer], *, colour: str, inputs: Sequence[str], lines: int
) -> None:
    columns = math.ceil(len(layers) / lines)
    top = 0.55 + STACK_STEP * (len(inputs) - 1)
    hide_frame(axes)
    axes.set_xlim(-0.45, columns - 0.5)
    axes.set_ylim(top - LINE_HEIGHT * lines, top)
    places = [divmod(i, columns) for i in range(len(layers))]
    centres = [(column, -LINE_HEIGHT * line) for line, column in places]
    for start, end in pairwise(centres):
        _draw_arrow(axes, start, end)
    _draw_input(axes, centres[0], layers[0], names=inputs)
    for centre, layer in zip(centres[1:], layers[1:], strict=True):
        _draw_box(axes, centre, colour=BOTH if layer[0].startswith("FC") else colour)
        _write(axes, centre, title=layer[0], layer=layer)


def _draw_input(
    axes: Axes, centre: tuple[float, float], layer: Layer, *, names: Sequence[str]
) -> None:
    x, y = centre
    for depth in reversed(range(len(names))):
        _draw_box(axes, (x + 0.05 * depth, y + STACK_STEP * depth), colour=NEUTRAL)
    _write(axes, centre, title=", ".join(names), layer=layer)


def _draw_box(axes: Axes, centre: tuple[float, float], *, colour: str) -> None:
    corner = (centre[0] - BOX_WIDTH / 2, centre[1] - BOX_HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.06"
    for face, edge in (("white", "none"), ((colour, 0.14), colour)):
        axes.add_patch(
            FancyBboxPatch(
                corner, BOX_WIDTH, BOX_HEIGHT, boxstyle=style, fc=face, ec=edge, lw=1.4, zorder=2
            )
        )


def _write(axes: Axes, centre: tuple[float, float], *, title: str, layer: Layer) -> None:
    (x, y), (_, shape, parameters) = centre, layer
    place = {"ha": "center", "zorder": 3}
    axes.text(
        x,
        y + 0.12,
        textwrap.fill(title, TITLE_LETTERS),
        weight="bold",
        size=9,
        va="center",
        **place,
    )
    axes.text(x, y - 0.24, "×".join(map(str, shape)), size=9, color=INK, va="center", **place)
    if parameters:
        axes.text(x, y - 0.40, _amount(parameters), size=8.5, color=QUIET, va="center", **place)


def _draw_arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow rightward, or from the end of one line to the start of the next."""
    arrow = {"arrowstyle": "-|>", "color": QUIET, "lw": 1.4, "shrinkA": 0, "shrinkB": 1}
    if start[1] == end[1]:
        tail, head = (start[0] + BOX_WIDTH / 2, start[1]), (end[0] - BOX_WIDTH / 2, end[1])
        axes.annotate("", xy=head, xytext=tail, arrowprops=arrow)
        return
    between = (start[1] + end[1]) / 2
    xs, ys = [start[0], start[0], end[0]], [start[1] - BOX_HEIGHT / 2, between, between]
    axes.plot(xs, ys, color=QUIET, lw=1.4)
    head = (end[0], end[1] + BOX_HEIGHT / 2)
    axes.annotate("", xy=head, xytext=(end[0], between), arrowprops=arrow)


def _amount(parameters: int) -> str:
    """Return a number of parameters in words of three digits: 320, 12.1 k, 1.16 M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if parameters >= size:
            return f"{parameters / size:.3g} {unit}"
    return str(parameters)
