import os
import time
from concurrent.futures.process import BrokenProcessPool

import cv2
import pytest
from threadpoolctl import threadpool_info

from avsc_kedro.workers import open_pool


def describe_process():
    threads = {library["num_threads"] for library in threadpool_info()}
    return os.getpid(), threads, cv2.getNumThreads()


def die():
    os._exit(1)


def process_id(seconds):
    time.sleep(seconds)
    return os.getpid()


def refuse():
    raise ValueError("refused")


def test_a_pool_is_other_processes_with_one_thread_each():
    with open_pool(1) as pool:
        process, threads, cv2_threads = pool.submit(describe_process).result()
    assert process != os.getpid()
    assert threads == {1}
    assert cv2_threads == 1


def test_a_process_that_dies_takes_no_other_with_it():
    with open_pool(2) as pool:
        first, second = (pool.submit(process_id, 0.5) for _ in range(2))
        both = {first.result(), second.result()}
        assert len(both) == 2
        with pytest.raises(BrokenProcessPool):
            pool.submit(die).result()
        with pytest.raises(ValueError, match="refused"):
            pool.submit(refuse).result()
        after = [pool.submit(process_id, 0.5) for _ in range(2)]
        assert len(both & {future.result() for future in after}) == 1


def test_a_pool_is_as_large_as_the_usable_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    with open_pool(None) as pool:
        assert pool.workers == 3
