"""Whether two sides make the same features of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from avsc_kedro.features import clip_features
from avsc_kedro.options import FeaturesOptions
from benchmarks import plain_extraction as plain
from benchmarks.tau_like import Clip

SOUND = ("mel", "gam", "cqt")
# Features of both sides differ by no more: dB, dB, mean levels of 255 of any one picture, as the
# scalers round in other ways. GAM has another transform length in its package's own call: both
# must vary alike about each band's mean.
TOLERANCES = {"mel": 0.001, "cqt": 0.01, "rgb": 3.0}
GAM_CORRELATION = 0.9
MEASURES = {
    "mel": "largest difference, dB",
    "cqt": "largest difference, dB",
    "rgb": "mean difference of the worst picture, levels",
}


def make_both(clip: Clip, options: FeaturesOptions) -> tuple[dict, dict]:
    """Return the features of a clip by this project's code and by the plain calls."""
    sound = {kind: options.recipe(kind) for kind in SOUND}
    ours = {
        **clip_features(sound, str(clip.sound)),
        **clip_features({"rgb": options.recipe("rgb")}, str(clip.video)),
    }
    theirs = {
        kind: make(clip.video if kind == "rgb" else clip.sound, options)
        for kind, make in plain.FEATURES.items()
    }
    return ours, theirs


def check_equality(
    clip: Clip, options: FeaturesOptions, *, others: Sequence[Clip] = ()
) -> list[dict[str, Any]]:
    """Assert that both sides make the same of each clip; say how nearly of the worst."""
    compared = [compare_features(*make_both(one, options), options) for one in (clip, *others)]
    rows = []
    for kind, tolerance in TOLERANCES.items():
        found = float(np.max([one[kind] for one in compared]))
        assert found <= tolerance, f"{kind}: {found} > {tolerance}"
        rows.append({"kind": kind, "measure": MEASURES[kind], "found": found, "limit": tolerance})
    correlation = float(np.min([one["gam"] for one in compared]))
    assert correlation >= GAM_CORRELATION, f"gam: {correlation} < {GAM_CORRELATION}"
    found = {"found": correlation, "limit": GAM_CORRELATION}
    return [*rows, {"kind": "gam", "measure": "correlation about each band's mean", **found}]


def compare_features(ours: dict, theirs: dict, options: FeaturesOptions) -> dict[str, float]:
    """Return the correlation of GAM, and by how much the other features differ at most.

    Pictures differ by the mean over one picture, so that none is hidden among others.
    """
    found = {"gam": correlate(ours["gam"], theirs["gam"], options)}
    for kind in TOLERANCES:
        difference = np.abs(ours[kind].astype(float) - theirs[kind])
        within = difference.mean(axis=(1, 2, 3)) if kind == "rgb" else difference
        found[kind] = float(within.max())
    return found


def correlate(ours: np.ndarray, theirs: np.ndarray, options: FeaturesOptions) -> float:
    """Correlate bands over frames of the same centre; the package's transform is longer."""
    stft = options.stft
    package_n_fft = 2 ** int(np.ceil(np.log2(2 * stft.window_length)))
    later = (package_n_fft - stft.n_fft) // 2 // stft.hop_length
    frames = min(ours.shape[1] - later, theirs.shape[1])
    both = ours[:, later : later + frames], theirs[:, :frames]
    about_mean = [(bands - bands.mean(axis=1, keepdims=True)).ravel() for bands in both]
    return float(np.corrcoef(*about_mean)[0, 1])
