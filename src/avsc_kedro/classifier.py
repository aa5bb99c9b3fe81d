"""The trained system as one object: a recording in, scene probabilities out."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from avsc_kedro.features import clip_features, count_segments
from avsc_kedro.media.audio import AUDIO_PAD_TOLERANCE
from avsc_kedro.media.decode_error import DecodeError
from avsc_kedro.media.probe import MediaInfo, probe
from avsc_kedro.models.embedding import embed_clips
from avsc_kedro.models.fusion import fuse
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import BRANCHES, FEATURE_KINDS, FUSION_BY_NAME

SAMPLES_AT_A_TIME = 64  # spectrograms or frames that go through a network together


class Verdict(NamedTuple):
    """What the system says of one recording.

    `scores` maps a fusion row to {scene: probability}, highest first; `seconds` is how
    much of the recording was used, from its start.
    """

    scores: dict[str, dict[str, float]]
    seconds: float
    duration_s: float | None


class Classifier:
    """Backbones and fusions of one training, with the transforms they were trained on.

    Args:
        backbones: {branch: network} for all five branches.
        fusions: {row of `paper.FUSIONS`: network}.
        labels: Scene of each output.
        features: The options of the feature stores.
    """

    def __init__(
        self,
        backbones: dict[str, Any],
        fusions: dict[str, Any],
        labels: list[str],
        features: FeaturesOptions,
    ):
        self.backbones = backbones
        self.fusions = fusions
        self.labels = labels
        self.features = features

    def classify(self, path: str) -> Verdict:
        """Classify a video from its sound and pictures.

        A video longer than one clip is cut into segments of a clip's length, up to
        two minutes of it and while it has both sound and pictures. Its score is their
        mean, as a clip's is its frames'.

        Raises:
            DecodeError: If the video lacks sound or pictures, or is too short.
        """
        info = probe(path)
        clip_s = self.features.audio.duration_s
        segments = self._segments(path, info)
        embeddings = self._embed(path, [index * clip_s for index in range(segments)])
        scores = {
            name: self._fuse(name, network, embeddings) for name, network in self.fusions.items()
        }
        return Verdict(scores, segments * clip_s, info.duration_s)

    def _segments(self, path: str, info: MediaInfo) -> int:
        clip_s = self.features.audio.duration_s
        if info.duration_s is None:
            return 1
        if info.duration_s < (1 - AUDIO_PAD_TOLERANCE) * clip_s:
            raise DecodeError.about(
                path,
                expected=f"a video of at least {clip_s:g} s",
                received=f"{info.duration_s:.1f} s",
                remedy="Give a longer recording.",
            )
        return count_segments(info.shared_duration_s, clip_s=clip_s)

    def _embed(self, path: str, starts_s: list[float]) -> dict[str, dict[str, np.ndarray]]:
        recipes = {kind: self.features.recipe(kind) for kind in FEATURE_KINDS}
        segments = [clip_features(recipes, path, start_s=start) for start in starts_s]
        return {
            branch.name: embed_clips(
                self.backbones[branch.name],
                [segment[branch.features] for segment in segments],
                batch_size=SAMPLES_AT_A_TIME,
            )
            for branch in BRANCHES
        }

    def _fuse(self, name: str, network, embeddings) -> dict[str, float]:
        row = FUSION_BY_NAME[name]
        vectors = {branch: embeddings[branch][row.embedding] for branch in row.branches}
        mean = fuse(network, vectors)[1].mean(axis=0)
        order = np.argsort(-mean)
        return {self.labels[index]: float(mean[index]) for index in order}
