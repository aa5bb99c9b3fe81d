import multiprocessing
import os
import platform
import sys
import time
from pathlib import Path

import pytest

from avsc_kedro.workers import open_pool, run_all, time_limit, usable_cpus
from tests.conftest import run_script


def start_worker_and_wait(pids):
    with open_pool(1) as pool:
        pids.put(next(iter(run_all(pool, process_id, [0])))[1])
        time.sleep(60)


def process_id(_):
    return os.getpid()


@pytest.mark.skipif(sys.platform != "linux", reason="a dead process is told by /proc")
def test_workers_end_with_a_parent_that_is_killed():
    context = multiprocessing.get_context("spawn")
    pids = context.Queue()
    parent = context.Process(target=start_worker_and_wait, args=(pids,))
    parent.start()
    worker = pids.get(timeout=60)
    os.kill(worker, 0)
    parent.kill()
    parent.join()
    deadline = time.monotonic() + 10
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(worker)


def is_running(process):
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_usable_processors_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert usable_cpus() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cpus() == 7


def test_only_a_worker_is_ended_by_a_time_limit(tmp_path):
    with time_limit(0.05, tmp_path / "log"):
        time.sleep(0.2)
    assert not (tmp_path / "log").exists()


FAULTS = """
import json, resource, sys
import numpy as np
from avsc_kedro.workers import keep_freed_memory

def faults_of_another_block():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.zeros(100_000_000, np.uint8).fill(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    keep_freed_memory()
faults_of_another_block()
print(json.dumps(faults_of_another_block()))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_kept_for_the_next_block():
    assert run_script(FAULTS, "keep") == 0
    assert run_script(FAULTS, "give back") > 100
