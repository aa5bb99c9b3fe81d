"""What the paper fixes: its branches, fusions, scenes and published figures.

Source: Pham et al., "Deep Learning Based Multimodal with Two-phase Training
Strategy for Daily Life Video Classification", CBMI 2023. Accuracies in percent.
"""

from __future__ import annotations

from typing import NamedTuple

SCENES = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)

# Section 3.2 names the three classes; which scene lies where follows DCASE 2021 Task 1B.
META_CLASSES = {
    "indoor": ("airport", "metro_station", "shopping_mall"),
    "outdoor": ("park", "public_square", "street_pedestrian", "street_traffic"),
    "transportation": ("bus", "metro", "tram"),
}


def scene_title(scene: str) -> str:
    """Return a scene's name as the paper writes it, such as "Metro station"."""
    return scene.replace("_", " ").capitalize()


class Branch(NamedTuple):
    """One backbone of Phase I (Figures 1 to 3)."""

    name: str
    modality: str
    features: str
    architecture: str
    title: str


BRANCHES = (
    Branch("aud_mel", "audio", "mel", "residual_inception", "Aud-MEL"),
    Branch("aud_gam", "audio", "gam", "residual_inception", "Aud-GAM"),
    Branch("aud_cqt", "audio", "cqt", "residual_inception", "Aud-CQT"),
    Branch("vis_inc", "visual", "rgb", "inception_v3", "Vis-INC"),
    Branch("vis_conv", "visual", "rgb", "convnext_tiny", "Vis-CONV"),
)
BRANCH_TITLES = {branch.name: branch.title for branch in BRANCHES}
BRANCH_NAMES = tuple(branch.name for branch in BRANCHES)
AUDIO_BRANCHES = tuple(b.name for b in BRANCHES if b.modality == "audio")
VISUAL_BRANCHES = tuple(b.name for b in BRANCHES if b.modality == "visual")
SOUND_KINDS = ("mel", "gam", "cqt")
FEATURE_KINDS = (*SOUND_KINDS, "rgb")


class Fusion(NamedTuple):
    """One row of Phase II: which embedding, how combined, of which branches (eqs. 1 to 3)."""

    name: str
    embedding: str
    combine: str
    branches: tuple[str, ...]
    title: str


FUSIONS = (
    Fusion("f1", "fc1024", "linear", BRANCH_NAMES, "f1"),
    Fusion("f2", "fc1024", "two_level", BRANCH_NAMES, "f2"),
    Fusion("f3", "fc1024", "concat", BRANCH_NAMES, "f3"),
    Fusion("f4", "fc10", "linear", BRANCH_NAMES, "f4"),
    Fusion("f5", "fc10", "two_level", BRANCH_NAMES, "f5"),
    Fusion("f6", "fc10", "concat", BRANCH_NAMES, "f6"),
    Fusion("audio_only", "fc10", "linear", AUDIO_BRANCHES, "audio only (f4)"),
    Fusion("visual_only", "fc10", "linear", VISUAL_BRANCHES, "visual only (f4)"),
)
FUSION_BY_NAME = {fusion.name: fusion for fusion in FUSIONS}
AUDIO_VISUAL_FUSIONS = ("f1", "f2", "f3", "f4", "f5", "f6")
SINGLE_MODALITY_ROWS = ("audio_only", "visual_only")

# Table 1, per scene in the order of SCENES, then overall.
TABLE_1 = {
    "f1": (87.9, 96.9, 97.5, 98.2, 95.6, 92.0, 91.0, 99.3, 96.3, 83.1, 94.1),
    "f2": (82.2, 96.3, 94.2, 97.7, 92.7, 91.7, 90.7, 99.5, 96.5, 91.2, 93.7),
    "f3": (85.4, 99.1, 96.9, 98.2, 93.8, 89.7, 88.9, 99.5, 96.8, 84.1, 93.6),
    "f4": (87.9, 97.6, 97.2, 98.7, 97.9, 91.5, 93.5, 99.5, 96.0, 90.6, 95.3),
    "f5": (86.8, 99.1, 98.1, 99.0, 99.0, 87.9, 92.5, 99.5, 95.8, 90.3, 95.0),
    "f6": (83.3, 97.6, 96.9, 97.9, 98.2, 88.1, 92.0, 99.0, 95.5, 85.7, 93.9),
}


class Published(NamedTuple):
    """One row of Table 2; None where the paper prints a dash."""

    authors: str
    audio: float | None
    visual: float | None
    both: float | None
    note: str = ""


TABLE_2 = (
    Published("DCASE baseline", 65.1, 77.0, 77.4, "as the paper prints it"),
    Published("Javier (Naranjo-Alcazar et al.)", 69.0, 87.0, 90.0),
    Published("Zhou et al.", None, 89.5, 91.6),
    Published("Hou et al.", 73.6, 88.9, 94.1),
    Published("Wang et al.", 75.2, 80.3, 94.2),
    Published("Chen et al.", 78.0, 90.9, 94.6),
    Published("Soichiro (Okazaki et al.)", 78.1, 90.9, 96.1, "nine large models"),
    Published("The paper's best system", 80.5, 91.8, 95.3),
)
# The baseline's own repository: 10-second clips, early fusion 82.2, proposed 84.8.
BASELINE_CORRECTION = Published(
    "DCASE baseline, 10-second clips",
    75.8,
    68.4,
    84.8,
    "its repository; 65.1 / 64.9 / 77.0 score 1-second segments; early fusion of clips 82.2",
)

AUDIO_PARAMETERS_MILLIONS = 36.0
VISUAL_PARAMETERS_MILLIONS = 69.4

# TAU Urban Audio-Visual Scenes 2021, development: clips per scene in the order of SCENES.
TAU_TRAIN_CLIPS = (697, 806, 705, 893, 1006, 982, 841, 968, 985, 763)
TAU_EVAL_CLIPS = (281, 327, 360, 386, 386, 387, 387, 421, 402, 308)

SPECTROGRAM_SHAPE = (128, 309, 2)
DELTA_SHAPE = (128, 305, 6)
FRAMES_SHAPE = (20, 224, 224, 3)
EMBEDDING_SIZE = 1024
