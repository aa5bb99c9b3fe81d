"""Small networks and the options they are built from."""

import keras
import numpy as np
import pytest

from avsc_kedro.models.backbone import build_audio_backbone, build_visual_backbone
from avsc_kedro.options import (
    AudioBackboneOptions,
    MixupOptions,
    TrainingOptions,
    VisualBackboneOptions,
)
from avsc_kedro.paper import BRANCHES

BRANCH = {branch.name: branch for branch in BRANCHES}


@pytest.fixture(autouse=True)
def fixed_seed():
    """Random weights are the same whichever tests run before."""
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def training_options():
    """Training options; keywords change them."""

    def make(**changes):
        defaults = {
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 0.05,
            "l2_lambda": 0.0,
            "mixup": MixupOptions(distribution="none"),
        }
        return TrainingOptions(**{**defaults, **changes})

    return make


@pytest.fixture(scope="session")
def audio_backbone(training_options):
    """Build an audio network; keywords change its options."""

    def build(input_shape=(16, 17, 2), classes=10, **changes):
        options = AudioBackboneOptions(
            **{
                "training": training_options(),
                "batch_norm_momentum": 0.75,
                "head_dropout": 0.3,
                "widths": (8, 8, 16, 16),
                **changes,
            }
        )
        return build_audio_backbone(
            BRANCH["aud_mel"],
            options,
            input_shape=input_shape,
            classes=classes,
            mean=np.linspace(-80, 1, 6),
            variance=np.linspace(1, 400, 6),
        )

    return build


@pytest.fixture(scope="session")
def visual_backbones(training_options):
    """Both visual networks at the smallest frames they take, random weights."""
    options = VisualBackboneOptions(
        training=training_options(),
        batch_norm_momentum=0.75,
        head_dropout=0.3,
        weights="none",
        frames_per_clip=2,
    )
    return {
        name: build_visual_backbone(BRANCH[name], options, input_shape=(size, size, 3), classes=10)
        for name, size in (("vis_inc", 75), ("vis_conv", 32))
    }


@pytest.fixture(scope="session")
def randomise():
    """Give every weight of a network a random value, so that none hides as one or zero."""

    def change(network: keras.Model, seed=0):
        rng = np.random.default_rng(seed)
        for variable in network.variables:
            if "float" in str(variable.dtype):
                variable.assign(rng.uniform(0.2, 1.0, variable.shape))
        return network

    return change
