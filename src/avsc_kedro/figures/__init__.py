"""The report's figures: arrays and tables in, one matplotlib Figure out.

No figure touches pyplot or its state, so that any thread can draw.
"""

from avsc_kedro.figures.bars import draw_accuracies
from avsc_kedro.figures.confusion import draw_confusions
from avsc_kedro.figures.curves import draw_training_curves
from avsc_kedro.figures.embedding_map import draw_embedding_map
from avsc_kedro.figures.features import ClipFeatures, draw_features
from avsc_kedro.figures.frequencies import band_centres_hz
from avsc_kedro.figures.networks import draw_audio_networks, draw_visual_networks
from avsc_kedro.figures.style import figure_png

__all__ = [
    "ClipFeatures",
    "band_centres_hz",
    "draw_accuracies",
    "draw_audio_networks",
    "draw_confusions",
    "draw_embedding_map",
    "draw_features",
    "draw_training_curves",
    "draw_visual_networks",
    "figure_png",
]
