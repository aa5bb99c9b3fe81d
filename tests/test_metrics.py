"""Scores against scikit-learn and against clips counted by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from avsc_kedro import metrics, paper


def made_up_predictions(scenes=paper.SCENES, clips=200, seed=0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.integers(len(scenes), size=clips)
    logits = rng.normal(size=(clips, len(scenes)))
    logits[np.arange(clips), truth] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "clip_id": [f"clip-{i}" for i in range(clips)],
            "scene": [scenes[i] for i in truth],
            "split": rng.choice(["train", "validation", "eval"], p=[0.2, 0.1, 0.7], size=clips),
        }
    )
    return table.assign(**{f"p_{s}": probabilities[:, i] for i, s in enumerate(scenes)})


def truth_and_guess(predictions):
    rows = predictions[predictions["split"] == "eval"]
    probabilities = rows[[c for c in rows if c.startswith("p_")]]
    return rows["scene"], probabilities.idxmax(axis=1).str.removeprefix("p_"), probabilities


def test_accuracies_agree_with_scikit_learn():
    predictions = made_up_predictions()
    truth, guess, _ = truth_and_guess(predictions)
    assert metrics.accuracy(predictions) == pytest.approx(
        sklearn.metrics.accuracy_score(truth, guess)
    )
    assert metrics.macro_accuracy(predictions) == pytest.approx(
        sklearn.metrics.balanced_accuracy_score(truth, guess)
    )


def test_confusion_and_scene_accuracy_agree_with_scikit_learn():
    predictions = made_up_predictions()
    truth, guess, _ = truth_and_guess(predictions)
    labels = list(paper.SCENES)
    np.testing.assert_array_equal(
        metrics.confusion_matrix(predictions),
        sklearn.metrics.confusion_matrix(truth, guess, labels=labels),
    )
    np.testing.assert_allclose(
        metrics.scene_accuracy(predictions),
        sklearn.metrics.recall_score(truth, guess, labels=labels, average=None),
    )


def test_log_loss_agrees_with_scikit_learn():
    predictions = made_up_predictions()
    truth, _, probabilities = truth_and_guess(predictions)
    expected = sklearn.metrics.log_loss(truth, probabilities, labels=list(paper.SCENES))
    assert metrics.log_loss(predictions) == pytest.approx(expected)


def three_clips() -> pd.DataFrame:
    """A bus taken for a tram, a park known, a park taken for a bus; and a train clip."""
    return pd.DataFrame(
        {
            "clip_id": list("abcd"),
            "scene": ["bus", "park", "park", "tram"],
            "split": ["eval", "eval", "eval", "train"],
            "p_bus": [0.2, 0.0, 1.0, 1.0],
            "p_park": [0.1, 0.9, 0.0, 0.0],
            "p_tram": [0.7, 0.1, 0.0, 0.0],
        }
    )


def test_meta_class_counts_any_scene_of_the_class():
    scores = metrics.meta_class_accuracy(three_clips())
    assert scores.to_dict() == {"outdoor": 0.5, "transportation": 1.0}


def test_train_clips_do_not_count_and_zero_probability_is_finite():
    assert metrics.accuracy(three_clips()) == pytest.approx(1 / 3)
    expected = -(np.log(0.2) + np.log(0.9) + np.log(1e-15)) / 3
    assert metrics.log_loss(three_clips()) == pytest.approx(expected)


def test_summary_is_json_and_names_scenes_without_clips():
    summary = json.loads(json.dumps(metrics.summarise(three_clips())))
    assert summary["clips"] == 3
    assert summary["macro_accuracy"] == pytest.approx(0.25)
    assert summary["scenes"] == {"bus": 0.0, "park": 0.5, "tram": None}
    assert "indoor" not in summary
    assert summary["transportation"] == 1.0


def test_other_labels_have_no_meta_classes():
    predictions = made_up_predictions(scenes=("kitchen", "beach"))
    assert "outdoor" not in metrics.summarise(predictions)
    with pytest.raises(ValueError, match=r"Received \['kitchen', 'beach'\]"):
        metrics.meta_class_accuracy(predictions)


def test_single_precision_probabilities_are_taken():
    predictions = made_up_predictions()
    columns = [c for c in predictions if c.startswith("p_")]
    single = predictions.astype(dict.fromkeys(columns, np.float32))
    assert metrics.log_loss(single) == pytest.approx(metrics.log_loss(predictions), rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[p["split"] == "train"], r"Expected clips with split \"eval\""),
        (lambda p: p.assign(p_bus=np.nan), r"NaN or infinity for 3 of 3 clips, first a"),
        (lambda p: p.assign(scene="moon"), r"Received \['moon'\]"),
        (lambda p: p[["clip_id", "scene", "split"]], r"one column p_<scene> per scene"),
    ],
)
def test_unusable_predictions_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        metrics.accuracy(change(three_clips()))
