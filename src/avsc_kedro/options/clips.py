"""Where clips come from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from avsc_kedro.options.group import Options, Seed


class ClipsOptions(Options):
    """Where clips come from and how they are split."""

    source: Literal["auto", "embedded", "tau", "folder", "csv"] = "auto"
    path: str | None = None
    allow_missing: bool = False
    data_set: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]+$")
    validation_fraction: float = Field(default=0.2, ge=0, lt=1)
    eval_fraction: float = Field(default=0.3, gt=0, lt=1)
    seed: Seed = 0

    @model_validator(mode="after")
    def _data_set_is_a_folder_of_its_own(self) -> ClipsOptions:
        taken = {".", ".."} if self.is_embedded else {".", "..", "embedded"}
        if self.data_set and self.data_set.lower() in taken:
            raise ValueError(
                f"Expected data_set to name a folder other than {', '.join(sorted(taken))}. "
                f"Received {self.data_set}. Choose another name for this data set."
            )
        return self

    @property
    def is_embedded(self) -> bool:
        """Whether the synthetic set that the project writes for itself is asked for."""
        return self.source == "embedded" or (self.source == "auto" and self.path is None)

    @property
    def data_set_name(self) -> str:
        """Name of this data set's folders below data/, so that two sets never mix.

        Given by `data_set`, else `embedded` or the path's last part and a short
        hash of the whole path.
        """
        if self.data_set:
            return self.data_set
        if self.is_embedded or self.path is None:
            return "embedded"
        path = Path(self.path).expanduser().resolve()
        stem = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
        return f"{stem}-{hashlib.blake2b(str(path).encode(), digest_size=4).hexdigest()}"


class EmbeddedOptions(Options):
    """Size of the synthetic set that the project writes for itself."""

    train_clips_per_scene: int = Field(gt=1)
    eval_clips_per_scene: int = Field(gt=0)
    frame_size_px: int = Field(ge=32, multiple_of=2)  # H.264 halves the colour planes
    frame_rate_fps: int = Field(ge=4)
    seed: Seed = 0
