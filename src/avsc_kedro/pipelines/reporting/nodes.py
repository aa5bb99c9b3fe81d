"""Score what was trained, tabulate it, and write one page of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from avsc_kedro import metrics, paper, tables
from avsc_kedro.clips import comes_from_tau
from avsc_kedro.options import (
    AudioBackboneOptions,
    ClipsOptions,
    FeaturesOptions,
    FusionOptions,
    VisualBackboneOptions,
)
from avsc_kedro.page import Headline, render_page
from avsc_kedro.pipelines.reporting import sections
from avsc_kedro.pipelines.reporting.naming import (
    by_row,
    data_title,
    hop_ms,
    shown_rows,
    start_title,
)
from avsc_kedro.splits import SPLITS


def score_rows(
    options: ClipsOptions,
    seed: int,
    chosen: str,
    clips: pd.DataFrame,
    failures: pd.DataFrame,
    **predictions: pd.DataFrame,
) -> dict[str, Any]:
    """Score every fusion row and branch, and say of what."""
    summaries = {n: metrics.summarise(p) for n, p in by_row(predictions, chosen).items()}
    return {
        "data_set": options.data_set_name,
        "synthetic": options.is_embedded,
        "tau": comes_from_tau(options),
        "seed": seed,
        "fusion": chosen,
        "clips": {split: int((clips["split"] == split).sum()) for split in SPLITS},
        "failed_clips": int(failures["clip_id"].nunique()),
        "rows": {n: s for n, s in summaries.items() if n not in paper.BRANCH_NAMES},
        "branches": {n: s for n, s in summaries.items() if n in paper.BRANCH_NAMES},
    }


def tabulate_fusions(scores: dict) -> pd.DataFrame:
    """Make Table 1."""
    return tables.table_1(scores["rows"])


def tabulate_scores(scores: dict) -> pd.DataFrame:
    """Make the table of micro and macro accuracy, log loss and, for TAU's scenes, meta classes."""
    rows = [
        {
            "Row": paper.FUSION_BY_NAME[name].title,
            "Accuracy (%)": round(100 * summary["accuracy"], 1),
            "Macro (%)": round(100 * summary["macro_accuracy"], 1),
            "Log loss": round(summary["log_loss"], 3),
            **{
                f"{meta.capitalize()} (%)": round(100 * summary[meta], 1)
                for meta in paper.META_CLASSES
                if summary.get(meta) is not None
            },
        }
        for name, summary in scores["rows"].items()
    ]
    return pd.DataFrame(rows)


def compare_systems(scores: dict) -> pd.DataFrame:
    """Make Table 2, our row with what it was measured on."""
    ours = tuple(scores["rows"][name]["accuracy"] for name in shown_rows(scores["fusion"]))
    count, fusion = f"{scores['clips']['eval']:,}", scores["fusion"]
    if scores["synthetic"]:
        return tables.table_2(ours, note=f"{fusion}, {count} synthetic clips: not comparable")
    return tables.table_2(ours, note=f"{fusion}, {count} evaluation clips of {scores['data_set']}")


def tabulate_branches(scores: dict, **summaries: dict) -> pd.DataFrame:
    """Make the table of the five branches."""
    table = tables.branch_table(scores["branches"], _parameters(summaries))
    return table.assign(**{"Epoch kept": [summaries[n]["best_epoch"] for n in scores["branches"]]})


def check_findings(scores: dict, **summaries: dict) -> pd.DataFrame:
    """Make the table of the paper's claims and ours."""
    return tables.findings(
        scores["rows"],
        scores["branches"],
        _parameters(summaries),
        on_tau=scores["tau"],
    )


def list_features(options: FeaturesOptions) -> pd.DataFrame:
    """List what the stores hold of one clip."""
    audio, stft = options.audio, options.stft
    window = f"window {1000 * stft.window_length / audio.sample_rate_hz:.0f} ms"
    rows = [
        ("Sound", f"{audio.duration_s:g} s, {audio.sample_rate_hz:,} Hz, {audio.channels}"),
        ("MEL, GAM", f"{window}, hop {hop_ms(options):g} ms"),
        ("CQT", f"{options.cqt.bins_per_octave} bins an octave, hop {hop_ms(options):g} ms"),
        *((f"{kind.upper()} array", _shape(options.shape(kind))) for kind in paper.FEATURE_KINDS),
    ]
    return pd.DataFrame(rows, columns=["Feature", "Of one clip"])


def list_trainings(
    aud_mel: AudioBackboneOptions,
    aud_gam: AudioBackboneOptions,
    aud_cqt: AudioBackboneOptions,
    vis_inc: VisualBackboneOptions,
    vis_conv: VisualBackboneOptions,
    fusion_layer: FusionOptions,
) -> pd.DataFrame:
    """List the settings of each training."""
    backbones = dict(
        zip(paper.BRANCH_NAMES, (aud_mel, aud_gam, aud_cqt, vis_inc, vis_conv), strict=True)
    )
    groups = {paper.BRANCH_TITLES[name]: options for name, options in backbones.items()}
    return pd.DataFrame(
        [_training_row(title, g) for title, g in (*groups.items(), ("Fusions", fusion_layer))]
    )


def write_page(
    scores: dict,
    score_table: pd.DataFrame,
    table_1: pd.DataFrame,
    table_2: pd.DataFrame,
    branches: pd.DataFrame,
    findings: pd.DataFrame,
    feature_options: pd.DataFrame,
    trainings: pd.DataFrame,
    provenance: pd.DataFrame,
    clip_counts: pd.DataFrame,
    failures: pd.DataFrame,
    **pictures: bytes,
) -> str:
    """Write the page: what was run, the paper's tables, findings, and the pictures."""
    audio, visual, both = (scores["rows"][n]["accuracy"] for n in shown_rows(scores["fusion"]))
    settings = (feature_options, trainings)
    parts = [
        sections.run_section(scores, clip_counts, failures),
        sections.score_section(score_table),
        sections.table_1_section(table_1, scores),
        sections.confusion_section(scores, pictures),
        sections.table_2_section(table_2),
        sections.branch_section(branches, pictures),
        sections.findings_section(findings),
        sections.training_section(settings, pictures),
        sections.network_section(pictures),
        sections.feature_section(settings, pictures),
        sections.map_section(scores, pictures),
        sections.provenance_section(provenance),
    ]
    return render_page(
        "Audio-visual scene classification",
        f"{data_title(scores)}, {scores['clips']['eval']:,} evaluation clips, "
        f"seed {scores['seed']}",
        parts,
        headline=Headline(audio, visual, both, f"audio and visual ({scores['fusion']})"),
        synthetic=scores["synthetic"],
    )


def _parameters(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {name: summary["trainable_parameters"] for name, summary in summaries.items()}


def _training_row(title: str, options) -> dict[str, Any]:
    training = options.training
    mixup = training.mixup
    return {
        "Training": title,
        "Weights at the start": start_title(options),
        "Epochs": training.epochs,
        "Batch size": training.batch_size,
        "Learning rate": f"{training.learning_rate:g}, {training.schedule}",
        "L2": f"λ = {training.l2_lambda:g}",
        "Mixup": f"beta({mixup.alpha:g})" if mixup.distribution == "beta" else mixup.distribution,
        "Augmentation": _non_defaults(getattr(options, "augmentation", None)),
        "Fine-tuning": _non_defaults(getattr(options, "fine_tuning", None)),
    }


def _non_defaults(options: Any) -> str:
    """List the options of a group, if there is one, that are not off."""
    chosen = options.model_dump(exclude_defaults=True) if options is not None else {}
    return ", ".join(k if v is True else f"{k} {v:g}" for k, v in chosen.items()) or "none"


def _shape(sizes) -> str:
    return " × ".join(map(str, sizes))
