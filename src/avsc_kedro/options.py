"""The user's options, typed: every group of conf/*/parameters.yml as a frozen model.

An unknown key or a value out of range is refused with what is allowed. Numbers
and where they come from stand in conf/base and conf/paper; the few defaults here
are those of conf/base, for a group that is made without it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
    model_validator,
)

from avsc_kedro.paper import VISUAL_BRANCHES

# As Keras names them in its cache; both without the classification head.
STOCK_WEIGHT_FILES = {
    "inception_v3": "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
    "convnext_tiny": "convnext_tiny_notop.h5",
}
MIN_FRAME_SIZE_PX = {"inception_v3": 75, "convnext_tiny": 32}
MIN_SPECTROGRAM_FRAMES = 5  # two three-frame differences cost four
HANN_BANDWIDTH_BINS = 1.50018310546875  # librosa's equivalent noise bandwidth

Seed = Annotated[StrictInt, Field(ge=0, lt=2**32)]


class Options(BaseModel):
    """A group that takes its named keys and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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

    @property
    def top_hz(self) -> float:
        """Upper edge of the highest wavelet; librosa wants it below half the sample rate."""
        centre = self.fmin_hz * 2 ** ((self.bands - 1) / self.bins_per_octave)
        step = 4 ** (1 / self.bins_per_octave)
        relative_bandwidth = (step - 1) / (step + 1)
        return centre * (1 + 0.5 * HANN_BANDWIDTH_BINS * relative_bandwidth)


class FramesOptions(Options):
    """Pictures taken from the video."""

    frames_per_second: float = Field(gt=0)
    size_px: int = Field(ge=MIN_FRAME_SIZE_PX["convnext_tiny"])


class FeaturesOptions(Options):
    """Everything that decides what a feature store holds."""

    audio: AudioOptions
    stft: StftOptions
    mel: BandOptions
    gam: BandOptions
    cqt: CqtOptions
    rgb: FramesOptions

    @model_validator(mode="after")
    def _groups_fit_together(self) -> FeaturesOptions:
        self._check_window()
        self._check_bands("mel")
        self._check_bands("gam")
        self._check_constant_q()
        return self

    def _check_window(self) -> None:
        stft, samples = self.stft, self.samples
        if not stft.window_length <= stft.n_fft <= samples:
            raise ValueError(
                f"Expected stft.window_length <= stft.n_fft <= {samples} samples of a clip. "
                f"Received window_length {stft.window_length} and n_fft {stft.n_fft}. "
                "Change stft.window_length or stft.n_fft, or raise audio.duration_s."
            )
        if self.spectrogram_frames < MIN_SPECTROGRAM_FRAMES:
            raise ValueError(
                f"Expected at least {MIN_SPECTROGRAM_FRAMES} spectrogram frames a clip. Received "
                f"{self.spectrogram_frames} from stft.hop_length {stft.hop_length}. "
                "Lower stft.hop_length or stft.n_fft, or raise audio.duration_s."
            )

    def _check_bands(self, kind: str) -> None:
        bands, half_rate = getattr(self, kind), self.audio.sample_rate_hz / 2
        if not bands.fmin_hz < bands.fmax_hz <= half_rate:
            raise ValueError(
                f"Expected {kind}.fmin_hz < {kind}.fmax_hz <= {half_rate:g}, half of "
                f"audio.sample_rate_hz. Received fmin_hz {bands.fmin_hz:g} and fmax_hz "
                f"{bands.fmax_hz:g}. Change {kind}.fmin_hz or {kind}.fmax_hz."
            )

    def _check_constant_q(self) -> None:
        half_rate = self.audio.sample_rate_hz / 2
        if self.cqt.top_hz > half_rate:
            raise ValueError(
                f"Expected the highest bin of cqt to end below {half_rate:g} Hz, half of "
                f"audio.sample_rate_hz. Received bands that end at {self.cqt.top_hz:.0f} Hz. "
                "Lower cqt.bands or cqt.fmin_hz, or raise cqt.bins_per_octave."
            )

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
    def samples(self) -> int:
        """Samples of one clip's waveform."""
        return round(self.audio.sample_rate_hz * self.audio.duration_s)

    @property
    def spectrogram_frames(self) -> int:
        """Frames of the un-centred STFT of one clip."""
        return 1 + (self.samples - self.stft.n_fft) // self.stft.hop_length

    def dtype(self, kind: str) -> str:
        """Return the little-endian type one clip's features of `kind` are stored in."""
        return "|u1" if kind == "rgb" else "<f4"


class ExtractionOptions(Options):
    """How features are computed; none of it changes what comes out."""

    workers: int | None = Field(gt=0)
    clips_per_shard: int = Field(gt=0)
    max_failed_fraction: float = Field(default=0.1, ge=0, le=1)


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


class ProjectOptions(Options):
    """The whole of parameters.yml."""

    data_root: str = Field(min_length=1)
    fusion: Literal["f1", "f2", "f3", "f4", "f5", "f6"]
    video: str | None
    seed: Seed
    refit: StrictBool
    clips: ClipsOptions
    embedded: EmbeddedOptions
    features: FeaturesOptions
    extraction: ExtractionOptions
    backbones: BackbonesOptions
    fusion_layer: FusionOptions

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
