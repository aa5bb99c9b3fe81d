"""Kedro datasets over clips, stores, models and embeddings.

Nothing here imports Keras before a model is loaded or saved, so that listing
pipelines or checking what exists stays quick.
"""

from avsc_kedro.datasets.checkpoints import CheckpointsDataset
from avsc_kedro.datasets.clip_source import ClipSourceDataset
from avsc_kedro.datasets.embeddings import EmbeddingsDataset
from avsc_kedro.datasets.event_logs import EventLogsDataset
from avsc_kedro.datasets.feature_store import FeatureStoreDataset
from avsc_kedro.datasets.keras_model import KerasModelDataset
from avsc_kedro.datasets.png import PngDataset

__all__ = [
    "CheckpointsDataset",
    "ClipSourceDataset",
    "EmbeddingsDataset",
    "EventLogsDataset",
    "FeatureStoreDataset",
    "KerasModelDataset",
    "PngDataset",
]
