"""A branch learns from its train clips; validation chooses the epoch, eval decides nothing."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.options import AudioBackboneOptions, ComputeOptions
from avsc_kedro.paper import BRANCHES
from avsc_kedro.pipelines.backbones import nodes

pytestmark = pytest.mark.usefixtures("eager")

SCENES = ["bus", "park"]
OPTIONS = AudioBackboneOptions(
    training={
        "epochs": 1,
        "batch_size": 8,
        "learning_rate": 0.01,
        "l2_lambda": 2e-5,
        "mixup": {"distribution": "beta"},
    },
    widths=(8, 8, 8, 8),
    batch_norm_momentum=0.5,
    head_dropout=0.2,
)


class Features:
    """Noise for each clip, the same each time, in the place of a feature store."""

    content_digest = "digest of the features"
    recipe = SimpleNamespace(id="recipe")
    broken: str | None = None

    def select(self, clip_ids):
        return [self.row(clip_id) for clip_id in clip_ids]

    def row(self, clip_id):
        rng = np.random.default_rng(list(clip_id.encode()))
        row = rng.normal(-60, 20, (16, 17, 2)).astype(np.float32)
        if clip_id == self.broken:
            row[3, 4, 0] = np.nan
        return row


@pytest.fixture
def clips():
    """Eight clips of train, four of validation, six of eval, half of each scene."""
    splits = ["train"] * 8 + ["validation"] * 4 + ["eval"] * 6
    names = [f"{split}-{index}" for index, split in enumerate(splits)]
    return pd.DataFrame({"clip_id": names, "scene": SCENES * 9, "split": splits})


def exchange(clips, split):
    """Give the clips of a split the other scene."""
    other = clips["scene"].map(dict(zip(SCENES, reversed(SCENES), strict=True)))
    return clips.assign(scene=clips["scene"].mask(clips["split"] == split, other))


def train(clips, *, features=None, refit=True):
    features = features or Features()
    model, history, summary = nodes.train_audio_backbone(
        clips, SCENES, features, OPTIONS, ComputeOptions(), 3, refit, None, None, BRANCHES[0]
    )
    weights = b"".join(np.asarray(variable).tobytes() for variable in model.variables)
    return weights, history.drop(columns="seconds"), summary


def test_eval_labels_and_features_have_no_part_in_training(clips):
    weights, history, summary = train(clips)
    assert set(history["stage"]) == {"train", "refit"}

    class OtherEval(Features):
        def row(self, clip_id):
            return super().row(clip_id) * (np.nan if clip_id.startswith("eval") else 1)

    shuffled, same_history, same_summary = train(exchange(clips, "eval"), features=OtherEval())
    assert shuffled == weights
    pd.testing.assert_frame_equal(same_history, history, check_exact=True)
    assert same_summary == summary

    # The same exchange elsewhere is seen.
    taught = train(exchange(clips, "train"), refit=False)
    assert taught[1]["loss"][0] != history["loss"][0]
    validated = train(exchange(clips, "validation"), refit=False)
    assert validated[1]["val_loss"][0] != history["val_loss"][0]


def test_a_clip_whose_features_are_no_numbers_is_named_before_training(clips):
    features = Features()
    features.broken = "train-5"
    with pytest.raises(InputError, match=r"values from clip train-5\. Look at these recordings"):
        train(clips, features=features)


def test_a_validation_clip_whose_features_are_no_numbers_is_named(clips):
    """A ReLU may turn what is no number into nought, so that no loss shows it."""
    features = Features()
    features.broken = "validation-9"
    with pytest.raises(InputError, match=r"values from clip validation-9\. Look"):
        train(clips, features=features)
