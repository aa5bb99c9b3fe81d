"""Score what was trained, tabulate it, draw it, and write one page of it.

Matplotlib is imported when a figure is drawn, not when pipelines are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from avsc_kedro import metrics, paper, tables
from avsc_kedro.options import (
    AudioBackboneOptions,
    ClipsOptions,
    FeaturesOptions,
    FusionOptions,
    VisualBackboneOptions,
)
from avsc_kedro.page import Headline, Section, Table, render_page
from avsc_kedro.splits import SPLITS
from avsc_kedro.stores.embeddings import Embeddings

CHOSEN = "fusion"  # the namespace of the row that params:fusion names
FEWEST_CLIPS_ON_A_MAP = 3
TAU_CLIPS = f"{sum(paper.TAU_EVAL_CLIPS):,}"
BRANCH_TITLES = {branch.name: branch.title for branch in paper.BRANCHES}
WEIGHTS = {"imagenet": "ImageNet", "none": "random"}
STAGE_TITLES = {
    "deltas": "Delta and delta-delta",
    "input_constants": "Normal- isation",
    "double": "Double inception",
    "residual": "Residual inception",
    "pooled": "Global average pooling",
    "to_minus_one_to_one": "Rescaling",
    "inception_v3": "InceptionV3",
    "convnext_tiny": "ConvNeXt- Tiny",
}


def score_rows(
    options: ClipsOptions,
    seed: int,
    chosen: str,
    clips: pd.DataFrame,
    failures: pd.DataFrame,
    **predictions: pd.DataFrame,
) -> dict[str, Any]:
    """Score every fusion row and branch, and say of what."""
    summaries = {n: metrics.summarise(p) for n, p in _by_row(predictions, chosen).items()}
    return {
        "data_set": options.data_set_name,
        "synthetic": options.is_embedded,
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


def compare_systems(scores: dict) -> pd.DataFrame:
    """Make Table 2, our row with what it was measured on."""
    ours = tuple(scores["rows"][name]["accuracy"] for name in _shown_rows(scores["fusion"]))
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
        synthetic=scores["synthetic"],
    )


def list_features(options: FeaturesOptions) -> pd.DataFrame:
    """List what the stores hold of one clip."""
    audio, stft = options.audio, options.stft
    window = f"window {1000 * stft.window_length / audio.sample_rate_hz:.0f} ms"
    rows = [
        ("Sound", f"{audio.duration_s:g} s, {audio.sample_rate_hz:,} Hz, {audio.channels}"),
        ("MEL, GAM", f"{window}, hop {_hop_ms(options):g} ms"),
        ("CQT", f"{options.cqt.bins_per_octave} bins an octave, hop {_hop_ms(options):g} ms"),
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
    groups = {BRANCH_TITLES[name]: options for name, options in backbones.items()}
    return pd.DataFrame(
        [_training_row(title, g) for title, g in (*groups.items(), ("Fusions", fusion_layer))]
    )


def draw_confusions(chosen: str, **predictions: pd.DataFrame) -> bytes:
    """Draw Figure 4: sound, pictures, and both by the chosen fusion."""
    from avsc_kedro import figures

    rows = _by_row(predictions, chosen)
    titles = ("(a) audio only", "(b) visual only", f"(c) audio and visual, {chosen}")
    matrices = {
        title: metrics.confusion_matrix(rows[name])
        for title, name in zip(titles, _shown_rows(chosen), strict=True)
    }
    return figures.figure_png(figures.draw_confusions(matrices))


def draw_accuracies(scores: dict) -> bytes:
    """Draw the accuracy of every branch and row."""
    from avsc_kedro import figures

    summaries = {**scores["branches"], **scores["rows"]}
    accuracies = {name: summary["accuracy"] for name, summary in summaries.items()}
    chance = 1 / len(next(iter(summaries.values()))["scenes"])
    return figures.figure_png(figures.draw_accuracies(accuracies, chance=chance))


def draw_branch_curves(**histories: pd.DataFrame) -> bytes:
    """Draw the trainings of Phase I, without the second one of a refit."""
    from avsc_kedro import figures

    first = {name: history[history["stage"] == "train"] for name, history in histories.items()}
    return figures.figure_png(figures.draw_training_curves(first))


def draw_fusion_curves(chosen: str, **histories: pd.DataFrame) -> bytes:
    """Draw the trainings of Phase II."""
    return draw_branch_curves(**_by_row(histories, chosen))


def draw_embedding_map(
    chosen: str, clips: pd.DataFrame, seed: int, **embeddings: Embeddings
) -> bytes:
    """Draw the chosen fusion's embedding of the evaluation clips, of all if those are too few."""
    from avsc_kedro import figures

    scored = clips[clips["split"] == "eval"]
    shown = scored if len(scored) >= FEWEST_CLIPS_ON_A_MAP else clips
    vectors = _by_row(embeddings, chosen)[chosen].select(list(shown["clip_id"]), "audio_visual")
    return figures.figure_png(figures.draw_embedding_map(vectors, list(shown["scene"]), seed=seed))


def draw_audio_networks(summary: dict) -> bytes:
    """Draw the network of the three spectrograms."""
    from avsc_kedro import figures

    return figures.figure_png(figures.draw_audio_networks(_layers(summary)))


def draw_visual_networks(
    inception: dict, convnext: dict, inception_weights: str, convnext_weights: str
) -> bytes:
    """Draw the two networks of the frames."""
    from avsc_kedro import figures

    networks = {"vis_inc": (inception, inception_weights), "vis_conv": (convnext, convnext_weights)}
    drawn = {
        f"{BRANCH_TITLES[name]}, {_start(weights)} weights at the start": _layers(summary)
        for name, (summary, weights) in networks.items()
    }
    return figures.figure_png(figures.draw_visual_networks(drawn))


def draw_clip_features(options: FeaturesOptions, clips: pd.DataFrame, mel, gam, cqt, rgb) -> bytes:
    """Draw the features of the first scene's first evaluation clip."""
    from avsc_kedro import figures

    clip, scene = _first_clips(clips)[0]
    figure = figures.draw_clip_features(
        {"mel": mel[clip], "gam": gam[clip], "cqt": cqt[clip]},
        rgb[clip],
        title=f"{clip} ({tables.comparison.scene_title(scene)})",
        hop_ms=_hop_ms(options),
        frames_per_second=options.rgb.frames_per_second,
    )
    return figures.figure_png(figure)


def draw_features_by_scene(
    options: FeaturesOptions, clips: pd.DataFrame, mel, gam, cqt, rgb
) -> bytes:
    """Draw the features of each scene's first evaluation clip."""
    from avsc_kedro import figures
    from avsc_kedro.figures.feature_grid import draw_feature_grid

    scenes = {
        scene: ({"mel": mel[clip], "gam": gam[clip], "cqt": cqt[clip]}, _middle(rgb[clip]))
        for clip, scene in _first_clips(clips)
    }
    return figures.figure_png(draw_feature_grid(scenes, hop_ms=_hop_ms(options)))


def write_page(
    scores: dict,
    table_1: pd.DataFrame,
    table_2: pd.DataFrame,
    branches: pd.DataFrame,
    findings: pd.DataFrame,
    feature_options: pd.DataFrame,
    trainings: pd.DataFrame,
    clip_counts: pd.DataFrame,
    failures: pd.DataFrame,
    **pictures: bytes,
) -> str:
    """Write the page: what was run, the paper's tables, findings, and the pictures."""
    audio, visual, both = (scores["rows"][n]["accuracy"] for n in _shown_rows(scores["fusion"]))
    settings = (feature_options, trainings)
    sections = [
        _run_section(scores, clip_counts, failures),
        _table_1_section(table_1, scores),
        _confusion_section(scores, pictures),
        _table_2_section(table_2),
        _branch_section(branches, pictures),
        _findings_section(findings),
        _training_section(settings, pictures),
        _network_section(pictures),
        _feature_section(settings, pictures),
        _map_section(scores, pictures),
    ]
    return render_page(
        "Audio-visual scene classification",
        f"{_data(scores)}, {scores['clips']['eval']:,} evaluation clips, seed {scores['seed']}",
        sections,
        headline=Headline(audio, visual, both, f"audio and visual ({scores['fusion']})"),
        synthetic=scores["synthetic"],
    )


def _run_section(scores, clip_counts, failures) -> Section:
    clips = scores["clips"]
    text = (
        f"Run on {_data(scores)}: {clips['train']:,} clips to train, {clips['validation']:,} to "
        f"choose the epoch, {clips['eval']:,} to evaluate. All scores but those of the training "
        "curves are of evaluation clips. "
        f"The chosen fusion is {scores['fusion']}; the seed is {scores['seed']}."
    )
    counts = clip_counts.rename(columns=lambda name: str(name).capitalize())
    counts["Scene"] = counts["Scene"].map(tables.comparison.scene_title)
    shown = [Table("Clips per scene as listed, before any was left out.", counts)]
    if len(failures):
        text += f"\n\nClips left out because they could not be read: {scores['failed_clips']}."
        named = failures.rename(columns={"clip_id": "clip"}).rename(columns=str.capitalize)
        shown.append(Table("Clips left out, and why.", named))
    return Section("What was run", text, shown)


def _table_1_section(table_1, scores) -> Section:
    caption = "Accuracy in percent on our evaluation clips."
    if any(str(column).endswith("(paper)") for column in table_1):
        caption += f" Columns marked (paper): percent on TAU 2021, {TAU_CLIPS} clips."
    fusions = [name for name in paper.AUDIO_VISUAL_FUSIONS if name in scores["rows"]]
    text = "Overall is the share of clips that are right, Macro the mean of the scenes."
    if len(fusions) == 1:
        return Section("Table 1: fusions", text, [Table(caption, table_1)])
    singles = [paper.FUSION_BY_NAME[name].title for name in paper.SINGLE_MODALITY_ROWS]
    shown = [
        Table(caption, table_1.drop(columns=singles), best_in_rows=fusions),
        Table("The same of one modality.", table_1[["Category", *singles]]),
    ]
    return Section("Table 1: fusions", f"{text} Our best fusion of each row is bold.", shown)


def _confusion_section(scores, pictures) -> Section:
    caption = (
        "Percent of each true scene's evaluation clips, by predicted scene: sound, pictures, "
        f"and both fused by {scores['fusion']}. The form of the paper's Figure 4."
    )
    return Section("Confusion matrices", figures=[(caption, pictures["confusions"])])


def _table_2_section(table_2) -> Section:
    caption = (
        "Accuracy in percent. The last row is ours, on the clips its note names; the others are "
        f"printed in the paper, on TAU 2021 ({TAU_CLIPS} clips), but for the row whose note "
        "names the baseline's repository."
    )
    return Section("Table 2: other systems", tables=[Table(caption, table_2)])


def _branch_section(branches, pictures) -> Section:
    best = {"Accuracy (%)": "highest", "Macro (%)": "highest", "Log loss": "lowest"}
    table = Table("Each branch alone on our evaluation clips.", branches, best)
    caption = "Accuracy of each branch and each fusion on our evaluation clips."
    text = "The paper prints no score of a single branch."
    return Section("Branches", text, [table], [(caption, pictures["accuracies"])])


def _findings_section(findings) -> Section:
    caption = "The paper's claims, the figures it prints for them (TAU 2021), and ours."
    table = Table(caption, findings.rename(columns=str.capitalize))
    return Section("Findings", tables=[table])


def _training_section(settings, pictures) -> Section:
    shown = [
        ("Phase I: the five branches.", pictures["branch_curves"]),
        ("Phase II: the fusions.", pictures["fusion_curves"]),
    ]
    text = "Train scores are of mixed samples with dropout on, so they may lie below validation."
    return Section("Training", text, [Table("Settings of each training.", settings[1])], shown)


def _network_section(pictures) -> Section:
    text = "Each box has its output's shape and its number of parameters."
    shown = [
        ("Audio network, the form of the paper's Figure 2.", pictures["audio_networks"]),
        ("Visual networks, the form of the paper's Figure 3.", pictures["visual_networks"]),
    ]
    return Section("Networks", text, figures=shown)


def _feature_section(settings, pictures) -> Section:
    shown = [
        ("Features of one evaluation clip.", pictures["clip_features"]),
        (
            "One evaluation clip per scene; the spectrograms of a column share one scale.",
            pictures["features_by_scene"],
        ),
    ]
    return Section("Features", "", [Table("What is stored of one clip.", settings[0])], shown)


def _map_section(scores, pictures) -> Section:
    enough = scores["clips"]["eval"] >= FEWEST_CLIPS_ON_A_MAP
    caption = (
        f"Output of the fusion layer {scores['fusion']} for {'evaluation' if enough else 'all'} "
        "clips, on its two directions of greatest variance."
    )
    return Section("Audio-visual embedding", figures=[(caption, pictures["embedding_map"])])


def _by_row(named: Mapping[str, Any], chosen: str) -> dict[str, Any]:
    """Give the chosen fusion its own name, f1 to f6."""
    return {chosen if name == CHOSEN else name: value for name, value in named.items()}


def _shown_rows(chosen: str) -> tuple[str, str, str]:
    return (*paper.SINGLE_MODALITY_ROWS, chosen)


def _parameters(summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    return {name: summary["trainable_parameters"] for name, summary in summaries.items()}


def _data(scores: Mapping[str, Any]) -> str:
    return "synthetic clips" if scores["synthetic"] else f"data set {scores['data_set']}"


def _training_row(title: str, options) -> dict[str, Any]:
    training = options.training
    mixup = training.mixup
    return {
        "Training": title,
        "Weights at the start": _start(getattr(options, "weights", "none")),
        "Epochs": training.epochs,
        "Batch size": training.batch_size,
        "Learning rate": f"{training.learning_rate:g}, {training.schedule}",
        "L2": f"λ = {training.l2_lambda:g}",
        "Mixup": f"beta({mixup.alpha:g})" if mixup.distribution == "beta" else mixup.distribution,
    }


def _start(weights: str) -> str:
    return WEIGHTS.get(weights, "a file's")


def _hop_ms(options: FeaturesOptions) -> float:
    return 1000 * options.stft.hop_length / options.audio.sample_rate_hz


def _shape(sizes) -> str:
    return " × ".join(map(str, sizes))


def _first_clips(clips: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the first evaluation clip and the name of each scene, scenes sorted."""
    first = clips[clips["split"] == "eval"].drop_duplicates("scene").sort_values("scene")
    return list(first[["clip_id", "scene"]].itertuples(index=False, name=None))


def _middle(frames):
    return frames[len(frames) // 2]


def _layers(summary: Mapping[str, Any]) -> list[tuple[str, list[int], int]]:
    """Return a network's stages as the diagrams take them, without dropout."""
    return [
        (_stage_title(stage), stage["output_shape"], stage["parameters"])
        for stage in summary["stages"]
        if "dropout" not in stage["title"]
    ]


def _stage_title(stage: Mapping[str, Any]) -> str:
    name, width = stage["title"], stage["output_shape"][-1]
    if name.startswith("fc"):
        return f"FC({width})"
    if name.startswith(("double", "residual")):
        return f"{STAGE_TITLES[name.rstrip('0123456789')]} {width}"
    return STAGE_TITLES.get(name, name.replace("_", " ").capitalize())
