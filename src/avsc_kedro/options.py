"""The user's options, typed: every group of conf/*/parameters.yml as a frozen model.

An unknown key or a value out of range is refused with what is allowed. Numbers
and where they come from stand in conf/base and conf/paper, not here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = float


class Options(BaseModel):
    """A group that takes its named keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipsOptions(Options):
    """Where clips come from and how they are split."""

    source: Literal["auto", "embedded", "tau", "folder", "csv"] = "auto"
    path: str | None = None
    allow_missing: bool = False
    data_set: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]+$")
    validation_fraction: Fraction = Field(default=0.15, ge=0, lt=1)
    eval_fraction: Fraction = Field(default=0.3, gt=0, lt=1)
    seed: int = 0

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
    frame_size_px: int = Field(default=128, ge=32)
    frame_rate_fps: int = Field(default=8, ge=4)
    seed: int = 0


class AudioOptions(Options):
    """The waveform every spectrogram starts from."""

    sample_rate_hz: int = Field(gt=0)
    duration_s: float = Field(gt=0)
    channels: Literal["stereo", "mono"] = "stereo"


class StftOptions(Options):
    """The one short-time Fourier transform behind MEL and GAM."""

    n_fft: int = Field(gt=0)
    window_length: int = Field(gt=0)
    hop_length: int = Field(gt=0)
    floor_power: float = Field(gt=0, le=1e-16)


class BandOptions(Options):
    """A filter bank between two frequencies."""

    bands: int = Field(gt=0)
    fmin_hz: float = Field(gt=0)
    fmax_hz: float = Field(gt=0)


class CqtOptions(Options):
    """Constant-Q bins upward from `fmin_hz`."""

    bands: int = Field(gt=0)
    fmin_hz: float = Field(gt=0)
    bins_per_octave: int = Field(gt=0)


class FramesOptions(Options):
    """Pictures taken from the video."""

    frames_per_second: float = Field(gt=0)
    size_px: int = Field(ge=32)


class FeaturesOptions(Options):
    """Everything that decides what a feature store holds."""

    audio: AudioOptions
    stft: StftOptions
    mel: BandOptions
    gam: BandOptions
    cqt: CqtOptions
    rgb: FramesOptions

    def recipe(self, kind: str) -> dict[str, Any]:
        """Return the options that the features of one kind depend on, as plain data."""
        if kind == "rgb":
            groups = {"rgb": self.rgb, "duration_s": self.audio.duration_s}
        else:
            # Each constant-Q wavelet sets its own length.
            unused = {"window_length"} if kind == "cqt" else None
            stft = self.stft.model_dump(exclude=unused)
            groups = {"audio": self.audio, "stft": stft, kind: getattr(self, kind)}
        return {
            name: group.model_dump() if isinstance(group, Options) else group
            for name, group in groups.items()
        }

    def shape(self, kind: str) -> tuple[int, ...]:
        """Return the shape of one clip's features of `kind`.

        Raises:
            KeyError: If `kind` is not mel, gam, cqt or rgb.
        """
        if kind == "rgb":
            frames = round(self.rgb.frames_per_second * self.audio.duration_s)
            return (frames, self.rgb.size_px, self.rgb.size_px, 3)
        bands = {"mel": self.mel.bands, "gam": self.gam.bands, "cqt": self.cqt.bands}[kind]
        return (bands, self.spectrogram_frames, 2)

    @property
    def spectrogram_frames(self) -> int:
        """Frames of the un-centred STFT of one clip."""
        samples = round(self.audio.sample_rate_hz * self.audio.duration_s)
        return 1 + (samples - self.stft.n_fft) // self.stft.hop_length

    def dtype(self, kind: str) -> str:
        """Return the little-endian type one clip's features of `kind` are stored in."""
        return "|u1" if kind == "rgb" else "<f4"


class ExtractionOptions(Options):
    """How features are computed; none of it changes what comes out."""

    workers: int | None = Field(default=None, gt=0)
    clips_per_shard: int = Field(default=64, gt=0)
    max_failed_fraction: Fraction = Field(default=0.1, ge=0, le=1)


class MixupOptions(Options):
    """How two samples are mixed."""

    distribution: Literal["uniform", "beta", "none"] = "uniform"
    alpha: float = Field(default=0.4, gt=0)
    different_scenes: bool = False


class TrainingOptions(Options):
    """One training: Adam on KL divergence plus L2."""

    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    l2_lambda: float = Field(ge=0)
    mixup: MixupOptions


class BackboneOptions(Options):
    """What the five backbones share."""

    training: TrainingOptions
    batch_norm_momentum: float = Field(gt=0, lt=1)
    head_dropout: Fraction = Field(ge=0, lt=1)
    embedding_batch_size: int = Field(default=64, gt=0)


class AudioBackboneOptions(BackboneOptions):
    """A residual-inception network on one kind of spectrogram."""

    widths: tuple[int, int, int, int]
    residual_normalisation: bool = False

    @model_validator(mode="after")
    def _widths_divide(self) -> AudioBackboneOptions:
        if any(width % 8 or width <= 0 for width in self.widths):
            raise ValueError(f"widths must be positive multiples of 8, received {self.widths}")
        return self


class VisualBackboneOptions(BackboneOptions):
    """A stock network on frames."""

    weights: str
    frames_per_clip: int = Field(gt=0)


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
    dropout: Fraction = Field(ge=0, lt=1)


class ProjectOptions(Options):
    """The whole of parameters.yml."""

    data_root: str
    fusion: Literal["f1", "f2", "f3", "f4", "f5", "f6"]
    video: str | None
    seed: int
    refit: bool
    clips: ClipsOptions
    embedded: EmbeddedOptions
    features: FeaturesOptions
    extraction: ExtractionOptions
    backbones: BackbonesOptions
    fusion_layer: FusionOptions

    @model_validator(mode="after")
    def _frames_are_there(self) -> ProjectOptions:
        stored = self.features.shape("rgb")[0]
        for branch in ("vis_inc", "vis_conv"):
            wanted = getattr(self.backbones, branch).frames_per_clip
            if wanted > stored:
                raise ValueError(
                    f"backbones.{branch}.frames_per_clip is {wanted}, but features.rgb stores "
                    f"{stored} frames a clip"
                )
        return self
