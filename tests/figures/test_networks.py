"""Block diagrams say the titles, shapes and sizes of the layers they are given."""

from __future__ import annotations

import pytest

from avsc_kedro import figures

LAYERS = [
    ("input", (128, 309, 2), 0),
    ("Deltas", (128, 305, 6), 0),
    ("Residual inception 64", (64, 152, 64), 1_160_000),
    ("FC(1024)", (1024,), 132_096),
    ("FC(10)", (10,), 10_250),
    ("Softmax", (10,), 0),
]


def words(figure):
    return [t.get_text().replace("\n", " ") for axes in figure.axes for t in axes.texts]


def test_audio_diagram_holds_every_layer():
    figure = figures.draw_audio_networks(LAYERS)
    written = words(figure)
    for expected in ("MEL, GAM, CQT", "128×309×2", "Residual inception 64", "1.16 M", "10.2 k"):
        assert expected in written
    assert "(1.3 M trainable parameters)" in figure.axes[0].get_title(loc="left")


def test_visual_diagram_has_one_row_per_network():
    figure = figures.draw_visual_networks({"Vis-INC": LAYERS, "Vis-CONV": LAYERS[:3]})
    assert [axes.get_title(loc="left").split(" (")[0] for axes in figure.axes] == [
        "Vis-INC",
        "Vis-CONV",
    ]
    assert words(figure).count("frame") == 2


def test_long_networks_go_on_below():
    short, long = (figures.draw_audio_networks(LAYERS * n) for n in (1, 4))
    assert long.get_figheight() > 2 * short.get_figheight()
    assert figures.figure_png(long).startswith(b"\x89PNG")


def test_no_layers_is_refused():
    with pytest.raises(ValueError, match="layers of each network"):
        figures.draw_visual_networks({"Vis-INC": []})
