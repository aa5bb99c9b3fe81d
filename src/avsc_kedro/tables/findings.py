"""What the paper claims, and whether our scores say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from avsc_kedro import paper

Summaries = Mapping[str, Mapping[str, Any]]

COMMAND_FOR_ALL_ROWS = "kedro run --pipeline=paper_tables"
PAPER_OVERALL = {
    **{name: column[-1] for name, column in paper.TABLE_1.items()},
    "audio_only": paper.TABLE_2[-1].audio,
    "visual_only": paper.TABLE_2[-1].visual,
}
SOUND_WINS_IN = ("park", "tram")
SAME_SIZE_WITHIN = 0.05


class Finding(NamedTuple):
    """One claim: what the paper prints, what we measured, and whether it holds for us."""

    finding: str
    paper: str
    ours: str
    holds: str


def findings(
    rows: Summaries, branches: Summaries, parameters: Mapping[str, int], *, on_tau: bool
) -> pd.DataFrame:
    """Return each of the paper's claims with our numbers beside it.

    Args:
        rows: Summaries by fusion row; those not run are left out.
        branches: Summaries by branch.
        parameters: Trainable parameters by branch.
        on_tau: Whether the clips are TAU 2021's, so that scores compare with the baseline's.

    Returns:
        Columns finding, paper, ours and holds: "yes", "no", "tie" for equal
        accuracies, "not run" (ours then names the command) or "other data" where
        the claim is about TAU and the clips are not.

    Source:
        Section 3.3, Tables 1 and 2, Figure 4.
    """
    chosen = next((n for n in ("f4", *paper.AUDIO_VISUAL_FUSIONS) if n in rows), "f4")
    found = [
        *(_above(rows, high, low) for high, low in (("f4", "f1"), ("f5", "f2"), ("f6", "f3"))),
        _best_of_six(rows),
        _above(rows, chosen, "audio_only", title=f"sound and pictures ({chosen}) above sound"),
        _above(rows, chosen, "visual_only", title=f"sound and pictures ({chosen}) above pictures"),
        _above(rows, "visual_only", "audio_only", title="pictures above sound"),
        _pictures_by_scene(rows),
        *_ensembles(rows, branches),
        _baseline_gain(rows.get(chosen), on_tau=on_tau),
        *_sizes(parameters),
    ]
    return pd.DataFrame(found, columns=Finding._fields)


def _above(rows: Summaries, high: str, low: str, *, title: str | None = None) -> Finding:
    title = title or f"{high} above {low}: FC(10) embeddings above FC(1024)"
    printed = f"{PAPER_OVERALL[high]:.1f} > {PAPER_OVERALL[low]:.1f}"
    return _measured(title, printed, rows, (high, low), _compare)


def _compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[str, str]:
    a, b = first["accuracy"], second["accuracy"]
    sign, holds = (">", "yes") if a > b else ("<", "no") if a < b else ("=", "tie")
    return f"{100 * a:.1f} {sign} {100 * b:.1f}", holds


def _best_of_six(rows: Summaries) -> Finding:
    def judge(*six: Mapping[str, Any]) -> tuple[str, str]:
        scores = dict(zip(paper.AUDIO_VISUAL_FUSIONS, (s["accuracy"] for s in six), strict=True))
        best = [name for name, score in scores.items() if score == max(scores.values())]
        holds = "no" if "f4" not in best else "yes" if len(best) == 1 else "tie"
        return f"{', '.join(best)} at {100 * max(scores.values()):.1f}", holds

    return _measured(
        "f4 is the best of the six", "f4 at 95.3", rows, paper.AUDIO_VISUAL_FUSIONS, judge
    )


def _pictures_by_scene(rows: Summaries) -> Finding:
    def judge(visual: Mapping[str, Any], audio: Mapping[str, Any]) -> tuple[str, str]:
        if not _has_tau_scenes(visual):
            return "other scenes", "other data"
        pairs = {s: (visual["scenes"][s], audio["scenes"][s]) for s in paper.SCENES}
        behind = [s for s, (v, a) in pairs.items() if None not in (v, a) and v <= a]
        holds = "yes" if set(behind) <= set(SOUND_WINS_IN) else "no"
        return f"not above in {', '.join(behind) or 'none'}".replace("_", " "), holds

    title = "pictures above sound in every scene but park and tram"
    return _measured(title, "not above in park, tram", rows, ("visual_only", "audio_only"), judge)


def _ensembles(rows: Summaries, branches: Summaries) -> Iterator[Finding]:
    """Compare each single-modality fusion with the best branch it is made of."""
    for row, members in (
        ("audio_only", paper.AUDIO_BRANCHES),
        ("visual_only", paper.VISUAL_BRANCHES),
    ):
        together = "three spectrograms" if row == "audio_only" else "two picture networks"
        present = {n: branches[n] for n in members if n in branches}
        best = max(present, key=lambda n: present[n]["accuracy"], default=members[0])
        yield _measured(
            f"{together} above the best one alone",
            "not printed",
            {**rows, **present},
            (row, best),
            _compare,
        )


def _baseline_gain(fusion: Mapping[str, Any] | None, *, on_tau: bool) -> Finding:
    baseline, best = paper.TABLE_2[0].both, paper.TABLE_2[-1].both
    title, printed = f"gain over the DCASE baseline ({baseline})", f"+{best - baseline:.1f}"
    if fusion is None:
        return Finding(title, printed, COMMAND_FOR_ALL_ROWS, "not run")
    if not on_tau:
        return Finding(title, printed, "the clips are not TAU's", "other data")
    gain = 100 * fusion["accuracy"] - baseline
    return Finding(title, printed, f"{gain:+.1f}", "yes" if gain > 0 else "no")


def _sizes(parameters: Mapping[str, int]) -> Iterator[Finding]:
    """Compare trainable parameters; within five percent counts as the same."""
    for modality, members, millions in (
        ("audio", paper.AUDIO_BRANCHES, paper.AUDIO_PARAMETERS_MILLIONS),
        ("visual", paper.VISUAL_BRANCHES, paper.VISUAL_PARAMETERS_MILLIONS),
    ):
        title, printed = f"trainable parameters, {modality}", f"{millions:.1f} M"
        if not all(name in parameters for name in members):
            yield Finding(title, printed, COMMAND_FOR_ALL_ROWS, "not run")
            continue
        ours = sum(parameters[name] for name in members) / 1e6
        same = abs(ours - millions) <= SAME_SIZE_WITHIN * millions
        yield Finding(title, printed, f"{ours:.1f} M", "yes" if same else "no")


def _measured(
    title: str,
    printed: str,
    rows: Summaries,
    names: Sequence[str],
    judge: Callable[..., tuple[str, str]],
) -> Finding:
    """Return what `judge` says of the named rows, or how to get those that are missing."""
    if any(name not in rows for name in names):
        return Finding(title, printed, COMMAND_FOR_ALL_ROWS, "not run")
    return Finding(title, printed, *judge(*(rows[name] for name in names)))


def _has_tau_scenes(summary: Mapping[str, Any] | None) -> bool:
    return summary is not None and set(summary["scenes"]) == set(paper.SCENES)
