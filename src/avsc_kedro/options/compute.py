"""What trainings run on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool

from avsc_kedro.options.group import Options


class ComputeOptions(Options):
    """Numbers, compiler and devices of Phase I's trainings.

    Results differ by rounding, so they are part of what a training depends on.
    """

    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    xla: StrictBool = False
    devices: int = Field(default=1, gt=0)
