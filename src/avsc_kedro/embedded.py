"""The data set the project writes for itself: synthetic scenes in TAU's 2021 layout.

    {root}/audio/{scene}-{city}-{location}-{segment}.wav
    {root}/video/{scene}-{city}-{location}-{segment}.mp4
    {root}/meta.csv  {root}/evaluation_setup/fold1_*.csv  {root}/SYNTHETIC.txt

Call `claim_folder`, `write_clip` for each row of `missing_clips`, `write_tables`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avsc_kedro.errors import InputError
from avsc_kedro.media.encoding import write_mp4, write_wav
from avsc_kedro.options import EmbeddedOptions
from avsc_kedro.paper import SCENES
from avsc_kedro.publish import publish_bytes, publish_file
from avsc_kedro.synthesis.clips import synthesise_frames, synthesise_sound
from avsc_kedro.synthesis.places import draw_place

EMBEDDED_VERSION = 1
CITIES = (
    "barcelona",
    "helsinki",
    "lisbon",
    "london",
    "lyon",
    "milan",
    "paris",
    "prague",
    "stockholm",
    "vienna",
)
SAMPLE_RATE_HZ = 48_000
DURATION_S = 10
CLIPS_PER_LOCATION = 2
MARKER = "SYNTHETIC.txt"
TABLES = {
    "meta.csv": (
        ("train", "eval"),
        ("filename_audio", "filename_video", "scene_label", "identifier"),
    ),
    "evaluation_setup/fold1_test.csv": (("eval",), ("filename_audio", "filename_video")),
    "evaluation_setup/fold1_evaluate.csv": (
        ("eval",),
        ("filename_audio", "filename_video", "scene_label"),
    ),
    "evaluation_setup/fold1_train.csv": (
        ("train",),
        ("filename_audio", "filename_video", "scene_label"),
    ),
}


def list_embedded(options: EmbeddedOptions) -> pd.DataFrame:
    """Return the plan of the set: what each clip is called and drawn from.

    A clip's row depends on the seed, its scene, split and number alone, so a
    larger set holds a smaller one unchanged.

    Returns:
        One row per clip, train before eval: stem, scene, city, location, split
        (train or eval), place_seed (shared by a location's clips), clip_seed.
    """
    sizes = {"train": options.train_clips_per_scene, "eval": options.eval_clips_per_scene}
    return pd.DataFrame(
        _plan_clip(options.seed, split=split, scene=scene, number=number)
        for split, clips in sizes.items()
        for scene in SCENES
        for number in range(clips)
    )


def missing_clips(root: Path, options: EmbeddedOptions) -> pd.DataFrame:
    """Return the rows of `list_embedded` whose files are not both in `root`.

    Files made with another version, seed, frame size or frame rate do not count.
    """
    plan = list_embedded(options)
    if _read_marker(root) != _marker(options):
        return plan
    there = [all(path.is_file() for path in _paths(root, stem)) for stem in plan["stem"]]
    return plan[~np.array(there)].reset_index(drop=True)


def claim_folder(root: Path, options: EmbeddedOptions) -> None:
    """Mark `root` as synthetic, first removing clips made with other options.

    Raises:
        InputError: If `root` holds a data set that is not marked as synthetic.
    """
    if (marker := _read_marker(root)) == _marker(options):
        return
    if marker is None and any((root / name).exists() for name in ("audio", "video", *TABLES)):
        raise InputError(
            f"Expected {root} to be empty or to hold {MARKER}. Received a data set without it, "
            "which may be real. Choose another folder for the embedded set, or remove this one."
        )
    for name in TABLES:
        (root / name).unlink(missing_ok=True)
    for path in (*root.glob("audio/*.wav"), *root.glob("video/*.mp4")):
        path.unlink()
    publish_bytes(root / MARKER, _marker(options).encode())


def write_clip(root: Path, row: dict[str, Any], options: EmbeddedOptions) -> None:
    """Synthesise one clip and write its sound, then its video.

    Each file is put in place whole. Safe to run in any process, in any order.

    Args:
        root: Folder of the data set.
        row: A row of `list_embedded` as a dict.
        options: The options that the row was planned with.

    Raises:
        OSError: If the folder cannot be written or the disk is full.
    """
    place = draw_place(np.random.default_rng(row["place_seed"]))
    rng = np.random.default_rng(row["clip_seed"])
    waveform = synthesise_sound(
        row["scene"], place=place, rng=rng, duration_s=DURATION_S, sample_rate_hz=SAMPLE_RATE_HZ
    )
    frames = synthesise_frames(
        row["scene"],
        place=place,
        rng=rng,
        frames=DURATION_S * options.frame_rate_fps,
        size_px=options.frame_size_px,
    )
    audio_path, video_path = _paths(root, row["stem"])
    with publish_file(audio_path) as path:
        write_wav(path, waveform, sample_rate_hz=SAMPLE_RATE_HZ)
    with publish_file(video_path) as path:
        write_mp4(path, frames, frame_rate_fps=options.frame_rate_fps)


def has_tables(root: Path, options: EmbeddedOptions) -> bool:
    """Whether TAU's listings are there and name these clips and no others."""
    return all(
        (root / name).is_file() and (root / name).read_bytes() == content
        for name, content in _tables(options).items()
    )


def write_tables(root: Path, options: EmbeddedOptions) -> None:
    """Write TAU's tab-separated listings; call it when every clip is there."""
    for name, content in _tables(options).items():
        publish_bytes(root / name, content)


def _tables(options: EmbeddedOptions) -> dict[str, bytes]:
    plan = list_embedded(options)
    listing = pd.DataFrame(
        {
            "filename_audio": "audio/" + plan["stem"] + ".wav",
            "filename_video": "video/" + plan["stem"] + ".mp4",
            "scene_label": plan["scene"],
            "identifier": plan["city"] + "-" + plan["location"].astype(str),
        }
    )
    return {
        name: listing.loc[plan["split"].isin(splits), list(columns)]
        .to_csv(sep="\t", index=False, lineterminator="\n")
        .encode()
        for name, (splits, columns) in TABLES.items()
    }


def _plan_clip(seed: int, *, split: str, scene: str, number: int) -> dict[str, Any]:
    """Name a clip; train takes even numbers of locations and segments, eval odd ones."""
    scene_index, odd = SCENES.index(scene), int(split == "eval")
    nth = number // CLIPS_PER_LOCATION
    location = 1000 + 2 * (len(SCENES) * nth + scene_index) + odd
    segment = 1000 + 2 * (len(SCENES) * number + scene_index) + odd
    city = CITIES[(nth + scene_index) % len(CITIES)]
    stem = f"{scene}-{city}-{location}-{segment}"
    return {
        "stem": stem,
        "scene": scene,
        "city": city,
        "location": location,
        "split": split,
        "place_seed": _derive_seed(seed, f"{city}-{location}"),
        "clip_seed": _derive_seed(seed, stem),
    }


def _derive_seed(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{EMBEDDED_VERSION}/{name}".encode(), digest_size=7)
    return int.from_bytes(digest.digest(), "big")


def _paths(root: Path, stem: str) -> tuple[Path, Path]:
    return root / "audio" / f"{stem}.wav", root / "video" / f"{stem}.mp4"


def _read_marker(root: Path) -> str | None:
    path = root / MARKER
    return path.read_text() if path.is_file() else None


def _marker(options: EmbeddedOptions) -> str:
    return (
        "Synthetic sounds and pictures, written by avsc_kedro in the layout of TAU Urban\n"
        "Audio-Visual Scenes 2021. They are not recordings and hold no TAU data; accuracies\n"
        "measured on them say nothing about the real data set.\n"
        f"version {EMBEDDED_VERSION}, seed {options.seed}, {options.frame_size_px} px, "
        f"{options.frame_rate_fps} fps\n"
    )
