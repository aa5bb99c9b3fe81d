"""A plain system as a reference: two networks from random weights, log-probabilities summed.

    python benchmarks/plain_reference.py --clips /my/clips.csv --seeds 0 1 2

Residual-inception on MEL, InceptionV3 on frames of 128 pixels, four a clip: 15 epochs each on
all train clips, mixup, Adam from 0.001 with a cosine, no fusion that learns. Where a video
belongs is what the sum of both log-probabilities says. Prints accuracy on evaluation clips in
percent, one row a seed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

SOUND, PICTURES = "aud_mel", "vis_inc"
TRAINING = {
    "epochs": 15,
    "learning_rate": 0.001,
    "schedule": "cosine",
    "warmup_epochs": 0,
    "mixup.distribution": "beta",
    "mixup.alpha": 0.2,
}
# Beside conf/laptop, which has four frames a clip and no validation clips.
PARAMETERS = {
    "features.mel.bands": 128,
    "features.rgb.size_px": 128,
    "backbones.vis_inc.augmentation.flip": "false",
    **{
        f"backbones.{branch}.training.{name}": value
        for branch in (SOUND, PICTURES)
        for name, value in TRAINING.items()
    },
}
STEPS = (
    ["--pipelines=ingestion,features"],
    ["--pipeline=phase1", f"--namespaces={SOUND},{PICTURES}"],
)
ROOT = Path(__file__).resolve().parents[1]
TINY = 1e-7  # a probability of nought has no logarithm


def main() -> None:
    """Train with every seed and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=Path, required=True, help="as clips.path")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = {
            seed: run_seed(seed, arguments.clips.resolve(), Path(folder))
            for seed in arguments.seeds
        }
    print(table(rows).to_string())


def run_seed(seed: int, clips: Path, data_root: Path) -> dict[str, float]:
    """Train both networks; return accuracies in percent."""
    given = {"clips.path": clips, "data_root": data_root, "seed": seed, **PARAMETERS}
    params = ",".join(f"{name}={value}" for name, value in given.items())
    for step in STEPS:
        command = [sys.executable, "-m", "kedro", "run", "--env=laptop", *step, "--params", params]
        subprocess.run(command, cwd=ROOT, check=True)
    return score(*(newest_predictions(data_root, branch) for branch in (SOUND, PICTURES)))


def newest_predictions(data_root: Path, branch: str) -> pd.DataFrame:
    """Load what a branch's network said of each clip, as it was trained last."""
    versions = data_root.glob(f"07_model_output/*/{branch}/predictions.csv/*/predictions.csv")
    return pd.read_csv(sorted(versions)[-1])


def score(sound: pd.DataFrame, pictures: pd.DataFrame) -> dict[str, float]:
    """Return accuracies in percent on evaluation clips: of sound, pictures and both.

    Args:
        sound: A row a clip: `clip_id`, `scene`, `split`, and `p_<scene>` for every scene.
        pictures: The same clips, in any order.
    """
    tables = [
        predictions[predictions["split"] == "eval"].set_index("clip_id").sort_index()
        for predictions in (sound, pictures)
    ]
    scenes = tables[0]["scene"]
    if not tables[1]["scene"].equals(scenes):
        raise ValueError("Expected the same evaluation clips of both networks.")
    logs = [
        np.log(part.filter(regex="^p_").rename(columns=lambda name: name[2:]) + TINY)
        for part in tables
    ]
    answers = {"sound": logs[0], "pictures": logs[1], "both": logs[0] + logs[1]}
    right = {name: log.idxmax(axis=1) == scenes for name, log in answers.items()}
    return {name: 100 * float(of_clip.mean()) for name, of_clip in right.items()}


def table(rows: dict[int, dict[str, float]]) -> pd.DataFrame:
    """Lay out seeds, their mean and their standard deviation."""
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("seed")
    return pd.concat([found, found.agg(["mean", "std"])]).round(1)


if __name__ == "__main__":
    main()
