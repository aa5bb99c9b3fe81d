"""The real extraction of a shard, as if recordings were longer."""

import time

from avsc_kedro.extraction import shard_task


def extract_shard(task):
    time.sleep(0.15)
    return shard_task.extract_shard(task)
