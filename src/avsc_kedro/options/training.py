"""Networks and their trainings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from avsc_kedro.options.augmentation import (
    FrameAugmentationOptions,
    SpectrogramAugmentationOptions,
)
from avsc_kedro.options.group import Options

# As Keras names them in its cache; both without the classification head.
STOCK_WEIGHT_FILES = {
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "convnext_tiny": "convnext_tiny_notop.h5",
}

# They change how long a training or an embedding takes, and nothing that is kept of it.
SPEED_ONLY = ("checkpoint_epochs", "embedding_batch_size")


class MixupOptions(Options):
    """How two samples are mixed."""

    distribution: Literal["uniform", "beta", "none"]
    alpha: float = Field(default=0.2, gt=0)
    different_scenes: bool = False


class TrainingOptions(Options):
    """One training: Adam on KL divergence plus L2."""

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: float = Field(default=0, ge=0)
    l2_lambda: float = Field(ge=0)
    mixup: MixupOptions
    patience_epochs: int = Field(default=0, ge=0)  # 0 goes on to the last epoch
    checkpoint_epochs: int = Field(default=1, ge=0)  # 0 saves none


class BackboneOptions(Options):
    """What the five backbones share."""

    training: TrainingOptions
    batch_norm_momentum: float = Field(gt=0, lt=1)
    head_dropout: float = Field(ge=0, lt=1)
    embedding_batch_size: int = Field(gt=0)


class AudioBackboneOptions(BackboneOptions):
    """A residual-inception network on one kind of spectrogram."""

    widths: tuple[int, int, int, int]
    residual_normalisation: bool = True
    embedding_batch_size: int = Field(default=32, gt=0)
    augmentation: SpectrogramAugmentationOptions = SpectrogramAugmentationOptions()

    @field_validator("widths")
    @classmethod
    def _widths_divide(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(width % 8 or width <= 0 for width in widths):
            raise ValueError(
                f"Expected four positive multiples of 8. Received {list(widths)}. "
                "Round each width to a multiple of 8."
            )
        return widths


class VisualBackboneOptions(BackboneOptions):
    """A stock network on frames."""

    weights: str
    frames_per_clip: int = Field(gt=0)
    embedding_batch_size: int = Field(default=64, gt=0)
    augmentation: FrameAugmentationOptions = FrameAugmentationOptions()

    @field_validator("weights")
    @classmethod
    def _weights_are_there(cls, weights: str) -> str:
        if weights in ("imagenet", "none"):
            return weights
        path = Path(weights).expanduser()
        if not path.is_file():
            raise ValueError(
                f"Expected imagenet, none or an existing file. Received {weights}, and there is "
                f"no file {path.absolute()}. Correct the path, or set none for random weights."
            )
        return str(path)


class BackbonesOptions(Options):
    """One group per branch, so that each can be changed and run alone."""

    aud_mel: AudioBackboneOptions
    aud_gam: AudioBackboneOptions
    aud_cqt: AudioBackboneOptions
    vis_inc: VisualBackboneOptions
    vis_conv: VisualBackboneOptions


class FusionOptions(Options):
    """Phase II: the fusion layer and the dense layer."""

    training: TrainingOptions
    dropout: float = Field(ge=0, lt=1)
