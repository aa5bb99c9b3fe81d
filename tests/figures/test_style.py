"""One look, no state left behind, and pictures that repeat."""

from __future__ import annotations

import struct
import subprocess
import sys

import matplotlib
import pytest

from avsc_kedro import figures
from avsc_kedro.figures import style


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures.draw_accuracies({"f4": 0.9}, chance=0.1)
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_not_imported():
    code = "import sys, avsc_kedro.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_png_is_wide_enough_and_the_same_each_time():
    figure = figures.draw_accuracies({"f4": 0.9}, chance=0.1)
    png = figures.figure_png(figure)
    assert struct.unpack(">I", png[16:20])[0] >= 1200
    assert png == figures.figure_png(figure)


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("aud_cqt", "audio"),
        ("vis_inc", "visual"),
        ("audio_only", "audio"),
        ("visual_only", "visual"),
        ("f3", "both"),
        ("mine", None),
    ],
)
def test_modality_follows_the_branches(name, modality):
    assert style.modality_of(name) == modality
