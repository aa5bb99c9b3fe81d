"""Clips into a feature store, shard by shard, over a pool of processes."""

from avsc_kedro.extraction.missing import Extracted, extract_missing
from avsc_kedro.extraction.shard_task import PlannedClip

__all__ = ["Extracted", "PlannedClip", "extract_missing"]
