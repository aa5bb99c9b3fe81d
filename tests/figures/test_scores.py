"""Confusions, bars and curves: what is written in them is what was given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from avsc_kedro import figures

SCENES = ["metro_station", "park"]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def counts(values):
    return pd.DataFrame(values, index=SCENES, columns=SCENES)


def test_confusion_cells_are_percent_of_the_true_scene():
    figure = figures.draw_confusions({"(a) audio only": counts([[3, 1], [0, 2]])})
    axes = figure.axes[0]
    assert texts(axes) == ["75", "25", "100"]
    assert axes.get_title() == "(a) audio only: 83.3 %"
    assert [t.get_text() for t in axes.get_yticklabels()] == ["Metro station", "Park"]


def test_three_confusions_stand_side_by_side():
    figure = figures.draw_confusions({str(i): counts(np.eye(2)) for i in range(3)})
    tops = {axes.get_subplotspec().rowspan.start for axes in figure.axes[:3]}
    assert tops == {0}


def test_confusion_of_a_scene_without_clips_is_drawn_and_of_none_refused():
    assert texts(figures.draw_confusions({"a": counts([[1, 0], [0, 0]])}).axes[0]) == ["100"]
    with pytest.raises(ValueError, match="clips in them"):
        figures.draw_confusions({"a": counts([[0, 0], [0, 0]])})


def test_bars_are_percent_in_the_given_order():
    figure = figures.draw_accuracies({"aud_mel": 0.5, "f4": 0.953, "mine": 0.1}, chance=0.1)
    axes = figure.axes[0]
    assert texts(axes)[:3] == ["50.0", "95.3", "10.0"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["Aud-MEL", "f4", "mine"]
    assert axes.yaxis_inverted()
    assert "chance 10 %" in texts(axes)[-1]


def test_bars_refuse_percents():
    with pytest.raises(ValueError, match="fractions from 0 to 1"):
        figures.draw_accuracies({"f4": 95.3}, chance=0.1)


def history(epochs, validation=True):
    loss = np.linspace(2, 1, epochs)
    held_out = loss + 0.5 if validation else np.full(epochs, np.nan)
    return pd.DataFrame(
        {
            "epoch": np.arange(1, epochs + 1),
            "loss": loss,
            "accuracy": 1 / loss / 2,
            "val_loss": held_out,
            "val_accuracy": 1 / held_out / 2,
            "seconds": 1.0,
        }
    )


@pytest.mark.parametrize("epochs", [1, 3, 40])
@pytest.mark.parametrize("validation", [True, False])
def test_curves_show_every_epoch(epochs, validation):
    figure = figures.draw_training_curves({"aud_mel": history(epochs, validation)})
    losses, accuracies = figure.axes
    assert len(losses.lines[0].get_xdata()) == epochs
    highest = 2.5 if validation else 2.0
    assert losses.get_ylim() == pytest.approx((0, 1.06 * highest))
    assert accuracies.lines[0].get_ydata()[-1] == pytest.approx(100 / (2 if epochs == 1 else 1) / 2)


def test_epochs_of_the_head_alone_are_marked_off():
    frame = history(5)
    frame["epoch"] -= 2
    losses, accuracies = figures.draw_training_curves({"vis_inc": frame}).axes
    assert "head" in accuracies.get_xlabel()
    assert list(losses.lines[-1].get_xdata()) == [0.5, 0.5]
    assert losses.get_xlim() == (-1.5, 3.5)


def test_six_trainings_fill_two_bands_of_three():
    figure = figures.draw_training_curves({f"f{i}": history(2) for i in range(1, 7)})
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == [
        f"f{i}" for i in range(1, 7)
    ]
    assert len(figure.axes) == 12


def test_failed_training_is_drawn_empty():
    frame = history(2).assign(loss=np.nan, val_loss=np.nan)
    assert figures.figure_png(figures.draw_training_curves({"f4": frame})).startswith(b"\x89PNG")
