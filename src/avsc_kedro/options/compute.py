"""What trainings run on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool, model_validator

from avsc_kedro.options.group import Options


class ComputeOptions(Options):
    """Numbers, compiler and devices of Phase I's trainings.

    Results differ, by rounding and, on several devices, by what dropout draws, so they are part
    of what a training depends on.
    """

    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: StrictBool = False
    devices: int = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _devices_can_share(self) -> ComputeOptions:
        if self.devices > 1 and self.precision == "mixed_float16":
            raise ValueError(
                "Expected precision float32 or mixed_bfloat16 with several devices: Keras scales "
                "the loss for mixed_float16 on each device by itself. Received mixed_float16 and "
                f"devices: {self.devices}. Set precision: mixed_bfloat16, or devices: 1."
            )
        if self.devices > 1 and self.xla:
            raise ValueError(
                "Expected xla: false with several devices. Received xla: true and devices: "
                f"{self.devices}. Set one of them back."
            )
        return self
