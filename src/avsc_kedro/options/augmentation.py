"""How the samples of a training are varied beyond mixup; by default not at all."""

from __future__ import annotations

from pydantic import Field, StrictBool, model_validator

from avsc_kedro.options.group import Options

NUMBER_AND_WIDTH = (("time_masks", "time_mask_frames"), ("band_masks", "band_mask_bands"))


class AugmentationOptions(Options):
    """Changes of one sample that leave its scene what it is."""

    @property
    def is_off(self) -> bool:
        """Whether samples stay as they are."""
        return self == type(self)()


class SpectrogramAugmentationOptions(AugmentationOptions):
    """Stretches of time and of frequency that are masked, none up to so many of each."""

    time_masks: int = Field(default=0, ge=0)
    time_mask_frames: int = Field(default=0, ge=0)  # the widest
    band_masks: int = Field(default=0, ge=0)
    band_mask_bands: int = Field(default=0, ge=0)  # the widest

    @model_validator(mode="after")
    def _number_and_width_go_together(self) -> SpectrogramAugmentationOptions:
        for number, width in NUMBER_AND_WIDTH:
            received = getattr(self, number), getattr(self, width)
            if any(received) and not all(received):
                raise ValueError(
                    f"Expected {number} and {width} both above 0, or both 0 for none. Received "
                    f"{number} {received[0]} and {width} {received[1]}. Set the other one too."
                )
        return self


class FrameAugmentationOptions(AugmentationOptions):
    """Half of the frames mirrored, and square windows in the place of frames."""

    flip: StrictBool = False
    crop_min_fraction: float = Field(default=1.0, gt=0, le=1)  # of the frame's side
