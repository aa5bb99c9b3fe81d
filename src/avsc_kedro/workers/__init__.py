"""Pools of processes for work that decodes and computes: on this machine, or on a cluster.

with open_pool(workers=2) as pool:
    for task, result in run_all(pool, work, tasks):
        ...
"""

from avsc_kedro.workers.cluster import open_cluster
from avsc_kedro.workers.lanes import open_pool
from avsc_kedro.workers.process import (
    end_with_parent,
    keep_freed_memory,
    time_limit,
    usable_cpus,
)
from avsc_kedro.workers.running import run_all

__all__ = [
    "end_with_parent",
    "keep_freed_memory",
    "open_cluster",
    "open_pool",
    "run_all",
    "time_limit",
    "usable_cpus",
]
