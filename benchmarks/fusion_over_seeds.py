"""Accuracy of sound, pictures and both over several seeds.

    python benchmarks/fusion_over_seeds.py    # synthetic set, 200 evaluation clips, seeds 0 1 2
    python benchmarks/fusion_over_seeds.py --env laptop --params clips.path=/my/clips.csv

Features are extracted once; every seed trains five backbones and the fusions anew.
Prints one row a seed and the mean, in percent, beside a nearest centroid on mean
colour and one on mean level of the MEL bands. On the synthetic set the exit status
says whether the targets below are met.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from avsc_kedro.paper import AUDIO_VISUAL_FUSIONS

TARGETS = """
fusion at least 75 %
fusion 5 points above sound alone
fusion 5 points above pictures alone
nearest centroids 15 points below the single modalities
""".strip().splitlines()
ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run every seed and print the table."""
    arguments = parse_arguments()
    rows = [run_seed(seed, arguments) for seed in arguments.seeds]
    table = pd.DataFrame(rows).set_index("seed")
    table.loc["mean"] = table.mean()
    table.loc["spread"] = table.iloc[:-1].std(ddof=1)
    print(table.round(1).to_string())
    simple = centroids(arguments)
    for title, accuracy in simple.items():
        print(f"{title}: {accuracy:.1f}")
    if "clips.path" not in arguments.params:
        sys.exit(not all(check_targets(table.loc["mean"], simple)))


def check_targets(mean: pd.Series, simple: dict[str, float]) -> list[bool]:
    """Print whether each target is met."""
    fused = mean[fusion_name(mean)]
    colour, level = simple.values()
    met = [
        fused >= 75,
        fused >= mean["audio_only"] + 5,
        fused >= mean["visual_only"] + 5,
        level <= mean["audio_only"] - 15 and colour <= mean["visual_only"] - 15,
    ]
    for target, holds in zip(TARGETS, met, strict=True):
        print(f"{'met' if holds else 'MISSED'}: {target}")
    return met


def fusion_name(mean: pd.Series) -> str:
    """Return which of f1 to f6 was trained."""
    return next(name for name in AUDIO_VISUAL_FUSIONS if name in mean)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="base")
    parser.add_argument(
        "--params", default="embedded.eval_clips_per_scene=20", help="as for kedro run"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    return parser.parse_args()


def run_seed(seed: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Train with one seed; return accuracies in percent and minutes."""
    params = ",".join(filter(None, [arguments.params, f"seed={seed}"]))
    command = [sys.executable, "-m", "kedro", "run", f"--env={arguments.env}", "--params", params]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True)
    minutes = (time.perf_counter() - started) / 60
    scores = load("report.scores", arguments, params)
    named = {**scores["branches"], **scores["rows"]}
    accuracies = {name: 100 * summary["accuracy"] for name, summary in named.items()}
    return {"seed": seed, **accuracies, "minutes": minutes}


def centroids(arguments: argparse.Namespace) -> dict[str, float]:
    """Accuracy in percent of a nearest centroid on mean colour and on mean MEL level."""
    clips = load("usable_clips", arguments, arguments.params)
    train, scored = (clips[clips["split"] == split] for split in ("train", "eval"))
    found = {}
    for title, kind, mean in (
        ("nearest centroid, mean colour", "rgb", lambda frames: frames.mean(axis=(0, 1, 2))),
        ("nearest centroid, mean log-mel", "mel", lambda level: level.mean(axis=(1, 2))),
    ):
        store = load(f"{kind}_features", arguments, arguments.params)
        known = np.stack([mean(row) for row in store.select(list(train["clip_id"]))])
        asked = np.stack([mean(row) for row in store.select(list(scored["clip_id"]))])
        scenes = train["scene"].to_numpy()
        labels = sorted(set(scenes))
        centres = np.stack([known[scenes == label].mean(axis=0) for label in labels])
        nearest = np.linalg.norm(asked[:, None] - centres[None], axis=2).argmin(axis=1)
        found[title] = 100 * float(np.mean(np.array(labels)[nearest] == scored["scene"]))
    return found


def load(name: str, arguments: argparse.Namespace, params: str):
    """Load a dataset of the catalog that a run with `params` used."""
    given = dict(pair.split("=", 1) for pair in params.split(",") if pair)
    nested: dict = {}
    for key, value in given.items():
        *groups, last = key.split(".")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
        target[last] = int(value) if value.isdigit() else value
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env=arguments.env, runtime_params=nested) as session:
        return session.load_context().catalog.load(name)


if __name__ == "__main__":
    main()
