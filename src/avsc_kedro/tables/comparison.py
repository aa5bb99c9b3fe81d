"""Tables 1 and 2 of the paper with our rows and columns in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from avsc_kedro import paper

OUR_SYSTEM = "This project"


def table_1(rows: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the accuracy of each scene for each fusion row, in percent.

    Args:
        rows: Summaries by fusion row, f1 to f6, audio_only or visual_only.

    Returns:
        Category, then one column per row, to one decimal as the paper prints it; last
        come "Overall" (micro accuracy, which is what the paper's last row holds) and
        "Macro". Where the labels are the paper's ten, "f4 (paper)" stands beside f4.

    Raises:
        ValueError: If there is no row, or rows have different scenes.

    Source:
        Table 1. The paper prints no macro accuracy; its column's is the mean of its
        ten printed scenes.
    """
    scenes = _common_scenes(rows)
    table = {"Category": [*(paper.scene_title(s) for s in scenes), "Overall", "Macro"]}
    for name, summary in rows.items():
        scores = [summary["scenes"][s] for s in scenes]
        table[_title(name)] = percents(
            [*scores, summary["accuracy"], summary["macro_accuracy"]], decimals=1
        )
        if name in paper.TABLE_1 and set(scenes) == set(paper.SCENES):
            table[f"{_title(name)} (paper)"] = _printed_column(name, scenes)
    return pd.DataFrame(table)


def table_2(
    ours: tuple[float | None, float | None, float | None], *, note: str = ""
) -> pd.DataFrame:
    """Return the paper's comparison of systems with our row last, in percent.

    Args:
        ours: Our accuracies with audio, with pictures and with both, as fractions;
            None for one that was not run.
        note: What a reader must know of our row, such as another data set.

    Source:
        Table 2, and the DCASE baseline's own repository for the row below its first.
    """
    mine = paper.Published(OUR_SYSTEM, *(None if a is None else 100 * a for a in ours), note)
    rows = [paper.TABLE_2[0], paper.BASELINE_CORRECTION, *paper.TABLE_2[1:], mine]
    table = pd.DataFrame(rows, columns=["Authors", "Audio", "Visual", "Audio & visual", "Note"])
    numbers = ["Audio", "Visual", "Audio & visual"]
    return table.assign(**{c: table[c].astype(float).round(1) for c in numbers})


def percents(fractions: Sequence[float | None], *, decimals: int) -> list[float]:
    """Return fractions as rounded percents, NaN for None."""
    return [float("nan") if f is None else round(100 * f, decimals) for f in fractions]


def _title(name: str) -> str:
    fusion = paper.FUSION_BY_NAME.get(name)
    return fusion.title if fusion else name


def _printed_column(name: str, scenes: Sequence[str]) -> list[float]:
    *by_scene, overall = paper.TABLE_1[name]
    printed = dict(zip(paper.SCENES, by_scene, strict=True))
    return [*(printed[s] for s in scenes), overall, round(fmean(by_scene), 1)]


def _common_scenes(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not rows:
        raise ValueError("Expected at least one fusion row for Table 1. Received none.")
    first, *others = (list(summary["scenes"]) for summary in rows.values())
    for scenes in others:
        if scenes != first:
            raise ValueError(f"Expected the same scenes in every row, {first}. Received {scenes}.")
    return first
