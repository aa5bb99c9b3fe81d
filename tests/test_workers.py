import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import pytest
from threadpoolctl import threadpool_info

from avsc_kedro.errors import InputError
from avsc_kedro.workers import open_pool, run_all, usable_cpus


def square(number):
    return number * number


def die(_):
    os._exit(1)


def describe_process(_):
    threads = {library["num_threads"] for library in threadpool_info()}
    return os.getpid(), threads, cv2.getNumThreads()


def test_every_task_comes_with_its_result():
    with ThreadPoolExecutor(2) as pool:
        assert dict(run_all(pool, square, [3, 1, 2])) == {3: 9, 1: 1, 2: 4}
        assert list(run_all(pool, square, [])) == []


def test_an_error_drops_the_tasks_not_yet_started():
    begun, released = [], threading.Event()

    def work(number):
        begun.append(number)
        if number == 2:
            raise ValueError(f"cannot take {number}")
        released.wait(timeout=10)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ValueError, match="cannot take 2"):
            list(run_all(pool, work, [2, *range(10, 20)]))
        released.set()
    assert begun in ([2], [2, 10])


def test_a_pool_is_other_processes_with_one_thread_each():
    with open_pool(1) as pool:
        [(_, (process, threads, cv2_threads))] = run_all(pool, describe_process, [0])
    assert process != os.getpid()
    assert threads == {1}
    assert cv2_threads == 1


def test_a_worker_that_dies_is_said_with_a_remedy():
    with open_pool(1) as pool:
        with pytest.raises(InputError, match=r"died while counting; most often memory.*Use less\."):
            list(run_all(pool, die, [1, 2], doing="counting", remedy="Use less."))
        with pytest.raises(InputError, match=r"fewer extraction\.workers"):
            list(run_all(pool, square, [1]))


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


def test_a_pool_is_as_large_as_the_usable_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert usable_cpus() == 3
    with open_pool(None) as pool:
        assert pool._max_workers == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert usable_cpus() == 7
