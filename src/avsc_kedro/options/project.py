"""The whole of parameters.yml."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, StrictBool, field_validator, model_validator

from avsc_kedro.options.clips import ClipsOptions, EmbeddedOptions
from avsc_kedro.options.compute import ComputeOptions
from avsc_kedro.options.features import MIN_FRAME_SIZE_PX, ExtractionOptions, FeaturesOptions
from avsc_kedro.options.group import Options, Seed
from avsc_kedro.options.training import BackbonesOptions, FusionOptions
from avsc_kedro.paper import BRANCHES, VISUAL_BRANCHES

# The axes of a spectrogram, and the option that says how much of each a mask may take.
MASKED_AXES = {"bands": "band_mask_bands", "frames": "time_mask_frames"}


class ProjectOptions(Options):
    """The whole of parameters.yml."""

    data_root: str = Field(min_length=1)
    fusion: Literal["f1", "f2", "f3", "f4", "f5", "f6"]
    video: str | None
    seed: Seed
    refit: StrictBool
    force: tuple[str, ...] = ()
    clips: ClipsOptions
    embedded: EmbeddedOptions
    features: FeaturesOptions
    extraction: ExtractionOptions
    compute: ComputeOptions
    backbones: BackbonesOptions
    fusion_layer: FusionOptions

    @field_validator("force", mode="before")
    @classmethod
    def _one_or_many(cls, force: Any) -> Any:
        if isinstance(force, str):
            return tuple(word for part in force.split(",") if (word := part.strip()))
        return force

    @model_validator(mode="after")
    def _frames_suit_the_networks(self) -> ProjectOptions:
        size_px, smallest = self.features.rgb.size_px, max(MIN_FRAME_SIZE_PX.values())
        if size_px < smallest:
            raise ValueError(
                f"Expected features.rgb.size_px of at least {smallest}, the smallest frame that "
                f"vis_inc takes. Received {size_px}. Raise features.rgb.size_px."
            )
        return self

    @model_validator(mode="after")
    def _frames_are_there(self) -> ProjectOptions:
        stored = self.features.shape("rgb")[0]
        for branch in VISUAL_BRANCHES:
            wanted = getattr(self.backbones, branch).frames_per_clip
            if wanted > stored:
                raise ValueError(
                    f"Expected backbones.{branch}.frames_per_clip of at most {stored}, the frames "
                    f"that features.rgb stores of a clip. Received {wanted}. Lower it, or raise "
                    "features.rgb.frames_per_second."
                )
        return self

    @model_validator(mode="after")
    def _masks_leave_something(self) -> ProjectOptions:
        for branch in BRANCHES:
            if branch.modality != "audio":
                continue
            augmentation = getattr(self.backbones, branch.name).augmentation
            shape = self.features.shape(branch.features)
            for (axis, key), size in zip(MASKED_AXES.items(), shape, strict=False):
                width = getattr(augmentation, key)
                if width >= size:
                    raise ValueError(
                        f"Expected backbones.{branch.name}.augmentation.{key} below {size}, the "
                        f"{axis} of its spectrograms. Received {width}. Lower it."
                    )
        return self

    @model_validator(mode="after")
    def _devices_share_whole_batches(self) -> ProjectOptions:
        devices = self.compute.devices
        for branch in BRANCHES:
            key = f"backbones.{branch.name}.training"
            training = getattr(self.backbones, branch.name).training
            if training.batch_size % devices:
                raise ValueError(
                    f"Expected a {key}.batch_size that compute.devices, {devices}, divides. "
                    f"Received {training.batch_size}. Change one of them."
                )
            if devices > 1 and training.accumulation_steps > 1:
                raise ValueError(
                    f"Expected {key}.accumulation_steps: 1 with several devices. Received "
                    f"{training.accumulation_steps} and compute.devices: {devices}. Set one of "
                    "them to 1."
                )
        return self
