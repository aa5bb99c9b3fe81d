"""Classify one video with the trained networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avsc_kedro.errors import InputError
from avsc_kedro.features import make_recipe
from avsc_kedro.options import FeaturesOptions
from avsc_kedro.paper import BRANCH_NAMES, BRANCHES, SINGLE_MODALITY_ROWS
from avsc_kedro.pipelines.digests import require_own_summary, require_same_backbones

SAID_BY = {"audio_only": "sound alone", "visual_only": "pictures alone"}


def predict_scene(
    video,
    labels: list,
    features: FeaturesOptions,
    fusion: str,
    fused,
    fused_summary: dict,
    **trained,
) -> dict[str, Any]:
    """Return what the chosen fusion, sound alone and pictures alone say of `video`.

    `fused` is the model of the chosen fusion; `trained` holds those of each branch, of
    `audio_only` and of `visual_only`, and the `<name>_summary` of each.

    Raises:
        InputError: If the models are not of one training, or of other features.
    """
    from avsc_kedro.classifier import Classifier

    path = require_video(video)
    _require_same_features(features, trained)
    trained |= {fusion: fused, f"{fusion}_summary": fused_summary}
    backbones = {name: trained[name] for name in BRANCH_NAMES}
    fusions = {name: trained[name] for name in (fusion, *SINGLE_MODALITY_ROWS)}
    _require_same_training({**backbones, **fusions}, trained)
    verdict = Classifier(backbones, fusions, labels, features).classify(path)
    best = {name: next(iter(scores)) for name, scores in verdict.scores.items()}
    return {
        "video": path,
        "seconds_used": verdict.seconds,
        "duration_s": verdict.duration_s,
        "fusion": fusion,
        "scene": best[fusion],
        "scores": verdict.scores,
        "answer": _answer(path, verdict, fusion),
    }


def _require_same_features(features: FeaturesOptions, trained: dict[str, Any]) -> None:
    for branch in BRANCHES:
        recipe = trained[f"{branch.name}_summary"]["recipe"]
        if make_recipe(branch.features, features).id != recipe:
            raise InputError(
                f"{branch.name} was trained on {branch.features} features of recipe {recipe}; the "
                f"options under features ask for another. Restore them, or train anew: "
                f"kedro run --pipeline=phase1, then phase2, with the same --env and --params"
            )


def _require_same_training(models: dict[str, Any], trained: dict[str, Any]) -> None:
    from avsc_kedro.models.files import digest_weights

    digests = {name: digest_weights(model) for name, model in models.items()}
    for name, digest in digests.items():
        require_own_summary(name, trained[f"{name}_summary"], digest)
        if name not in BRANCH_NAMES:
            require_same_backbones(name, trained[f"{name}_summary"], digests)


def require_video(video: Any) -> str:
    """Return the absolute path of the video to classify.

    Raises:
        InputError: If none is named or nothing is there.
    """
    if not isinstance(video, str):
        raise InputError(
            "Expected the path of a video. Received none. "
            "Run: kedro run --pipeline=predict --params video=PATH"
        )
    path = Path(video).expanduser().resolve()
    if not path.is_file():
        raise InputError(f"Expected a video at {path}. Nothing is there. Correct --params video.")
    return str(path)


def _answer(path: str, verdict, fusion: str) -> str:
    lines = [f"\n{Path(path).name} ({verdict.seconds:g} s used)"]
    for name, scores in verdict.scores.items():
        who = SAID_BY.get(name, f"sound and pictures ({fusion})")
        ranked = ", ".join(f"{scene} {score:.2f}" for scene, score in list(scores.items())[:3])
        lines.append(f"  {who:<28} {ranked}")
    return "\n".join(lines)
