"""The sections of the report's page."""

from __future__ import annotations

import pandas as pd

from avsc_kedro import paper
from avsc_kedro.page import Section, Table
from avsc_kedro.pipelines.digests import SHOWN_DIGITS
from avsc_kedro.pipelines.reporting.naming import FEWEST_CLIPS_ON_A_MAP, data_title

TAU_CLIPS = f"{sum(paper.TAU_EVAL_CLIPS):,}"

FAILURE_TITLES = {
    "clip_id": "Clip",
    "features": "Feature",
    "path": "Path",
    "expected": "Expected",
    "received": "Received",
    "remedy": "What to do",
}


def run_section(scores, clip_counts, failures) -> Section:
    """Which clips, how many, which seed, and what was left out."""
    clips = scores["clips"]
    text = (
        f"Run on {data_title(scores)}: {clips['train']:,} clips to train, "
        f"{clips['validation']:,} to choose the epoch, {clips['eval']:,} to evaluate. "
        "All scores but those of the training curves are of evaluation clips. "
        f"The chosen fusion is {scores['fusion']}; the seed is {scores['seed']}."
    )
    counts = clip_counts.rename(columns=lambda name: str(name).capitalize())
    counts["Scene"] = counts["Scene"].map(paper.scene_title)
    shown = [Table("Clips per scene as listed, before any was left out.", counts)]
    if len(failures):
        text += f"\n\nClips left out because they could not be read: {scores['failed_clips']}."
        shown.append(Table("Clips left out, why, and what to do.", _tabulate(failures)))
    return Section("What was run", text, shown)


def _tabulate(failures: pd.DataFrame) -> pd.DataFrame:
    """Return one row per clip and cause; features that fail for the same cause are joined."""
    cause = [column for column in FAILURE_TITLES if column != "features"]
    grouped = failures.groupby(cause, sort=False, dropna=False, as_index=False)
    joined = grouped["features"].agg(", ".join)
    return joined[list(FAILURE_TITLES)].rename(columns=FAILURE_TITLES)


def score_section(score_table) -> Section:
    """How good each fusion row is as a whole."""
    caption = (
        "Accuracy is the share of clips that are right, Macro the mean of the scenes' "
        "accuracies, Log loss in nats."
    )
    if "Indoor (%)" in score_table:
        caption += (
            " Indoor, Outdoor and Transportation: the share of such scenes' clips whose "
            "predicted scene is of the same meta class."
        )
    best = {
        column: "lowest" if column == "Log loss" else "highest"
        for column in score_table.columns[1:]
    }
    return Section("Scores", tables=[Table(caption, score_table, best)])


def table_1_section(table_1, scores) -> Section:
    """Accuracy by scene, the form of Table 1."""
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


def confusion_section(scores, pictures) -> Section:
    """What is taken for what, the form of Figure 4."""
    caption = (
        "Percent of each true scene's evaluation clips, by predicted scene: sound, pictures, "
        f"and both fused by {scores['fusion']}. The form of the paper's Figure 4."
    )
    return Section("Confusion matrices", figures=[(caption, pictures["confusions"])])


def table_2_section(table_2) -> Section:
    """Other systems and ours, the form of Table 2."""
    caption = (
        "Accuracy in percent. The last row is ours, on the clips its note names; the others are "
        f"printed in the paper, on TAU 2021 ({TAU_CLIPS} clips), but for the row whose note "
        "names the baseline's repository."
    )
    return Section("Table 2: other systems", tables=[Table(caption, table_2)])


def branch_section(branches, pictures) -> Section:
    """Each of the five backbones alone."""
    best = {"Accuracy (%)": "highest", "Macro (%)": "highest", "Log loss": "lowest"}
    table = Table("Each branch alone on our evaluation clips.", branches, best)
    caption = "Accuracy of each branch and each fusion on our evaluation clips."
    text = "The paper prints no score of a single branch."
    return Section("Branches", text, [table], [(caption, pictures["accuracies"])])


def findings_section(findings) -> Section:
    """The paper's claims beside ours."""
    caption = "The paper's claims, the figures it prints for them (TAU 2021), and ours."
    table = Table(caption, findings.rename(columns=str.capitalize))
    return Section("Findings", tables=[table])


def training_section(settings, pictures) -> Section:
    """Settings and curves of every training."""
    shown = [
        ("Phase I: the five branches.", pictures["branch_curves"]),
        ("Phase II: the fusions.", pictures["fusion_curves"]),
    ]
    text = (
        "Train scores are of samples as training sees them, mixed and varied where the table says "
        "so, with dropout on; they may lie below validation."
    )
    return Section("Training", text, [Table("Settings of each training.", settings[1])], shown)


def network_section(pictures) -> Section:
    """What the networks are made of, the form of Figures 2 and 3."""
    text = "Each box has its output's shape and its number of parameters."
    shown = [
        ("Audio network, the form of the paper's Figure 2.", pictures["audio_networks"]),
        ("Visual networks, the form of the paper's Figure 3.", pictures["visual_networks"]),
    ]
    return Section("Networks", text, figures=shown)


def feature_section(settings, pictures) -> Section:
    """What the networks see."""
    caption = (
        "What is stored of the first evaluation clip of each scene, or of a clip to train where "
        "its name says so: level of the left channel by time and frequency, and frames. The "
        "spectrograms of a column share one scale of levels."
    )
    shown = [(caption, pictures["features_by_scene"])]
    return Section("Features", "", [Table("What is stored of one clip.", settings[0])], shown)


def map_section(scores, pictures) -> Section:
    """The output of the fusion layer in two dimensions."""
    enough = scores["clips"]["eval"] >= FEWEST_CLIPS_ON_A_MAP
    caption = (
        f"Output of the fusion layer {scores['fusion']} for {'evaluation' if enough else 'all'} "
        "clips, on its two directions of greatest variance."
    )
    return Section("Audio-visual embedding", figures=[(caption, pictures["embedding_map"])])


def provenance_section(provenance) -> Section:
    """What everything above was made from."""
    caption = f"What was made from what, and the first {SHOWN_DIGITS} digits of its BLAKE2b digest."
    text = "All of these belong together: results of different trainings are refused."
    shown = provenance.assign(Digest=provenance["Digest"].str[:SHOWN_DIGITS])
    return Section("Provenance", text, [Table(caption, shown)])
