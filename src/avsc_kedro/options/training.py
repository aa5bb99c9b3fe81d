"""Networks and their trainings."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, StrictBool, field_validator, model_validator

from avsc_kedro.options.augmentation import (
    FrameAugmentationOptions,
    SpectrogramAugmentationOptions,
)
from avsc_kedro.options.group import Options

# Endings of files of weights: the stock layout, and a network that this project trained.
STOCK_ENDING, TRAINED_ENDING = ".h5", ".keras"

STOCK_LAYER_SCALE = 1e-6  # Keras' ConvNeXtTiny

# They change how long a training or an embedding takes, what it notes beside, or which file it
# is allowed to read, and nothing that is kept of it.
WITHOUT_RESULT = (
    "checkpoint_epochs",
    "embedding_batch_size",
    "tensorboard",
    "weights_sha256",
)


class MixupOptions(Options):
    """How two samples are mixed."""

    distribution: Literal["uniform", "beta", "none"]
    alpha: float = Field(default=0.2, gt=0)
    different_scenes: StrictBool = False


class TrainingOptions(Options):
    """One training: Adam on KL divergence plus L2."""

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    accumulation_steps: int = Field(default=1, gt=0)  # a batch goes through in so many parts
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup_epochs: float = Field(default=0, ge=0)
    l2_lambda: float = Field(ge=0)
    mixup: MixupOptions
    patience_epochs: int = Field(default=0, ge=0)  # 0 goes on to the last epoch
    checkpoint_epochs: int = Field(default=1, ge=0)  # 0 saves none
    tensorboard: StrictBool = False

    @property
    def step_size(self) -> int:
        """Samples that go through a network at a time."""
        return self.batch_size // self.accumulation_steps

    @field_validator("tensorboard")
    @classmethod
    def _tensorboard_is_there(cls, tensorboard: bool) -> bool:
        if tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise ValueError(
                "Expected the package tensorboard, for tensorboard: true. It is not installed. "
                'Run: pip install "avsc_kedro[tensorboard]"; or set tensorboard: false.'
            )
        return tensorboard

    @model_validator(mode="after")
    def _parts_are_equal(self) -> TrainingOptions:
        if self.batch_size % self.accumulation_steps:
            raise ValueError(
                f"Expected a batch_size that {self.accumulation_steps} accumulation_steps divide. "
                f"Received {self.batch_size}. Change one of them."
            )
        return self


class FineTuningOptions(Options):
    """How a network with pretrained weights is trained: its head first, then all of it."""

    head_epochs: int = Field(default=0, ge=0)  # 0 trains all of it from the start
    head_learning_rate: float = Field(default=1e-3, gt=0)
    freeze_batch_norm: StrictBool = False

    @property
    def is_off(self) -> bool:
        return not (self.head_epochs or self.freeze_batch_norm)


class BackboneOptions(Options):
    """What the five backbones share."""

    training: TrainingOptions
    batch_norm_momentum: float = Field(gt=0, lt=1)
    head_dropout: float = Field(ge=0, lt=1)
    embedding_batch_size: int = Field(gt=0)


class AudioBackboneOptions(BackboneOptions):
    """A residual-inception network on one kind of spectrogram."""

    widths: tuple[int, int, int, int]
    residual_normalisation: StrictBool = True
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
    weights_sha256: str | None = None  # of the file, where weights names one
    layer_scale: float = Field(default=STOCK_LAYER_SCALE, gt=0)  # ConvNeXt's, at random weights
    frames_per_clip: int = Field(gt=0)
    embedding_batch_size: int = Field(default=64, gt=0)
    augmentation: FrameAugmentationOptions = FrameAugmentationOptions()
    fine_tuning: FineTuningOptions = FineTuningOptions()

    @field_validator("weights")
    @classmethod
    def _weights_are_there(cls, weights: str) -> str:
        if weights in ("imagenet", "none"):
            return weights
        path = Path(weights).expanduser()
        if path.is_dir():
            raise ValueError(_is_a_folder(path))
        if not path.is_file():
            raise ValueError(
                f"Expected imagenet, none or an existing file. Received {weights}, and there is "
                f"no file {path.absolute()}. Correct the path, or set none for random weights."
            )
        if path.suffix not in (STOCK_ENDING, TRAINED_ENDING):
            raise ValueError(
                f"Expected a file ending in {STOCK_ENDING}, the stock layout, or in "
                f"{TRAINED_ENDING}, a network trained here. Received {weights}. Name one of these."
            )
        return str(path)

    @field_validator("weights_sha256")
    @classmethod
    def _sha256_is_one(cls, digest: str | None) -> str | None:
        if digest is None or re.fullmatch("[0-9a-fA-F]{64}", digest):
            return digest
        raise ValueError(
            f"Expected 64 hexadecimal digits, or null. Received {digest!r}. "
            "sha256sum FILE prints them."
        )

    @model_validator(mode="after")
    def _sha256_is_of_a_file(self) -> VisualBackboneOptions:
        if self.weights_sha256 and self.weights in ("imagenet", "none"):
            raise ValueError(
                f"Expected weights_sha256 only where weights is a file. Received weights "
                f"{self.weights}. Set weights to the file, or weights_sha256 to null."
            )
        return self

    @model_validator(mode="after")
    def _there_is_something_to_tune(self) -> VisualBackboneOptions:
        if self.weights == "none" and not self.fine_tuning.is_off:
            raise ValueError(
                "Expected pretrained weights for fine_tuning. Received weights: none. Set weights, "
                "or fine_tuning.head_epochs: 0 and fine_tuning.freeze_batch_norm: false."
            )
        return self


def _is_a_folder(path: Path) -> str:
    """Say which file to name; Kedro keeps a network's versions in a folder named as the file."""
    versions = sorted(path.glob(f"*/{path.name}"))
    step = f"Name the file in it, such as {versions[-1]}." if versions else "Name a file."
    return f"Expected imagenet, none or a file. Received {path}, which is a folder. {step}"


class BackbonesOptions(Options):
    """One group per branch, so that each can be changed and run alone."""

    aud_mel: AudioBackboneOptions
    aud_gam: AudioBackboneOptions
    aud_cqt: AudioBackboneOptions
    vis_inc: VisualBackboneOptions
    vis_conv: VisualBackboneOptions

    @field_validator("vis_inc")
    @classmethod
    def _inception_has_no_layer_scale(cls, vis_inc: VisualBackboneOptions):
        if vis_inc.layer_scale != STOCK_LAYER_SCALE:
            raise ValueError(
                f"Expected no layer_scale in vis_inc: InceptionV3 has none. Received "
                f"{vis_inc.layer_scale}. Set it in vis_conv."
            )
        return vis_inc


class FusionOptions(Options):
    """Phase II: the fusion layer and the dense layer."""

    training: TrainingOptions
    dropout: float = Field(ge=0, lt=1)
    weights_start: Literal["ones", "equal_modalities"] = "ones"
    dense_start: Literal["random", "identity"] = "random"

    @field_validator("training")
    @classmethod
    def _writes_no_logs(cls, training: TrainingOptions) -> TrainingOptions:
        if training.tensorboard:
            raise ValueError(
                "Expected tensorboard: false, a fusion trains for seconds. Received true. Its "
                "curves are in the report."
            )
        return training
