"""What is computed of each clip, and how."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from avsc_kedro.options.group import Options

MIN_FRAME_SIZE_PX = {"inception_v3": 75, "convnext_tiny": 32}
MIN_SPECTROGRAM_FRAMES = 5  # two three-frame differences cost four
HANN_BANDWIDTH_BINS = 1.50018310546875  # librosa's equivalent noise bandwidth


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
    time_limit_s: float = Field(default=120, gt=0)
    scheduler: str | None = Field(default=None, pattern=r"^(local|(tcp|tls)://.+)$")
