"""Clips into a feature store, shard by shard, over a pool of processes."""

from avsc_kedro.extraction.missing import Extracted, extract_missing
from avsc_kedro.extraction.shard_task import PlannedClip, ShardTask, extract_shard

__all__ = ["Extracted", "PlannedClip", "ShardTask", "extract_missing", "extract_shard"]
