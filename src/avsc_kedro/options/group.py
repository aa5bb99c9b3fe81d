"""What every group of options is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

Seed = Annotated[StrictInt, Field(ge=0, lt=2**32)]


class Options(BaseModel):
    """A group that takes its named keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
