"""Real dask schedulers and workers, on this machine."""

import os
import sys

import pytest
from distributed import LocalCluster

from avsc_kedro.errors import InputError
from avsc_kedro.workers import open_cluster, run_all
from tests.workers.test_lanes import describe_process


def describe(_):
    return describe_process()


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and one worker of two threads, which is not as it should be."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        yield cluster


def test_local_starts_workers_of_one_thread_for_the_time_being():
    with open_cluster("local", 2) as pool:
        done = dict(run_all(pool, describe, list(range(8))))
    processes = {process for process, _, _ in done.values()}
    assert os.getpid() not in processes
    assert 1 <= len(processes) <= 2
    assert {(frozenset(threads), cv2) for _, threads, cv2 in done.values()} == {(frozenset({1}), 1)}


def test_nothing_of_it_stays_in_the_environment():
    before = dict(os.environ)
    with open_cluster("local", 1):
        pass
    assert dict(os.environ) == before


def test_workers_of_many_threads_are_refused(cluster):
    expected = r"one thread each.* Received 2 threads at .*--nthreads 1"
    with open_cluster(cluster.scheduler_address) as pool, pytest.raises(InputError, match=expected):
        list(run_all(pool, describe, [1]))


def test_a_cluster_without_workers_says_so(caplog):
    empty = LocalCluster(n_workers=0, processes=False, dashboard_address=":0")
    with empty, open_cluster(empty.scheduler_address) as pool:
        pool.look()
    assert "No dask worker is connected to" in caplog.text


def test_workers_that_are_there_need_no_word(cluster, caplog):
    with open_cluster(cluster.scheduler_address) as pool:
        pool.look()
    assert "No dask worker" not in caplog.text


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("avsc_kedro.workers.cluster.SECONDS_TO_CONNECT", 0.3)
    refused = pytest.raises(InputError, match=r"a dask scheduler at tcp://127\.0\.0\.1:9\.")
    with refused, open_cluster("tcp://127.0.0.1:9"):
        pass


def test_without_dask_the_next_step_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    refused = pytest.raises(InputError, match=r"pip install -e '\.\[dask\]'")
    with refused, open_cluster("local"):
        pass
