import threading
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.workers import run_all


def square(number):
    return number * number


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


def mortal(deaths):
    """Work whose process dies at each task as often as `deaths` says."""
    left = dict(deaths)

    def work(task):
        if left.get(task, 0):
            left[task] -= 1
            raise BrokenExecutor("died")
        return task

    return work


def test_a_worker_that_dies_is_said_with_a_remedy():
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(InputError, match=r"died while counting; most often memory.*Use less\."):
            list(run_all(pool, mortal({1: 1}), [1, 2], doing="counting", remedy="Use less."))
        with pytest.raises(InputError, match=r"fewer extraction\.workers"):
            list(run_all(pool, mortal({1: 1}), [1]))


def test_a_task_is_tried_again_as_long_as_it_is_worth_it():
    asked = []

    def try_again(task):
        asked.append(task)
        return len(asked) < 4

    with ThreadPoolExecutor(2) as pool:
        done = run_all(pool, mortal({1: 3}), [1, 2, 3], try_again=try_again)
        assert sorted(done) == [(1, 1), (2, 2), (3, 3)]
        assert asked == [1, 1, 1]
        with pytest.raises(InputError):
            list(run_all(pool, mortal({1: 9}), [1, 2, 3], try_again=try_again))
