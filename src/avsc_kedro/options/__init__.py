"""The user's options, typed: every group of conf/*/parameters.yml as a frozen model.

An unknown key or a value out of range is refused with what is allowed. Numbers
and where they come from stand in conf/base and conf/paper; the few defaults here
are those of conf/base, for a group that is made without it.
"""

from avsc_kedro.options.augmentation import (
    AugmentationOptions,
    FrameAugmentationOptions,
    SpectrogramAugmentationOptions,
)
from avsc_kedro.options.clips import (
    ClipsOptions,
    EmbeddedOptions,
)
from avsc_kedro.options.compute import ComputeOptions
from avsc_kedro.options.features import (
    MIN_FRAME_SIZE_PX,
    AudioOptions,
    BandOptions,
    CqtOptions,
    ExtractionOptions,
    FeaturesOptions,
    FramesOptions,
    StftOptions,
)
from avsc_kedro.options.group import Options
from avsc_kedro.options.project import ProjectOptions
from avsc_kedro.options.training import (
    STOCK_LAYER_SCALE,
    TRAINED_ENDING,
    WITHOUT_RESULT,
    AudioBackboneOptions,
    BackboneOptions,
    BackbonesOptions,
    FineTuningOptions,
    FusionOptions,
    MixupOptions,
    TrainingOptions,
    VisualBackboneOptions,
)

__all__ = [
    "MIN_FRAME_SIZE_PX",
    "STOCK_LAYER_SCALE",
    "TRAINED_ENDING",
    "WITHOUT_RESULT",
    "AudioBackboneOptions",
    "AudioOptions",
    "AugmentationOptions",
    "BackboneOptions",
    "BackbonesOptions",
    "BandOptions",
    "ClipsOptions",
    "ComputeOptions",
    "CqtOptions",
    "EmbeddedOptions",
    "ExtractionOptions",
    "FeaturesOptions",
    "FineTuningOptions",
    "FrameAugmentationOptions",
    "FramesOptions",
    "FusionOptions",
    "MixupOptions",
    "Options",
    "ProjectOptions",
    "SpectrogramAugmentationOptions",
    "StftOptions",
    "TrainingOptions",
    "VisualBackboneOptions",
]
