import threading
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor

import distributed
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.workers import run_all, running


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


class Suspect(distributed.KilledWorker):
    def __init__(self):
        super().__init__("task", last_worker=None, allowed_failures=3)


def test_dask_s_suspects_get_another_chance_while_others_get_on():
    left = {1: 1, 2: 3}

    def work(task):
        if left.get(task, 0):
            left[task] -= 1
            raise Suspect
        return task

    guilty = {1: 2}  # what try_again says yes to

    def try_again(task):
        guilty[task] = guilty.get(task, 0) - 1
        return guilty[task] >= 0

    with ThreadPoolExecutor(1) as pool:
        assert sorted(run_all(pool, work, [2, 1, 3, 4], try_again=try_again)) == [
            (number, number) for number in (1, 2, 3, 4)
        ]


def test_a_suspect_is_given_up_when_nothing_comes_of_it():
    def work(task):
        raise Suspect

    with ThreadPoolExecutor(1) as pool, pytest.raises(InputError, match="died while working"):
        list(run_all(pool, work, [1]))


def test_a_pool_that_goes_away_is_said():
    class Gone(Executor):
        def submit(self, work, /, *arguments):
            future = Future()
            future.cancel()
            return future

    with pytest.raises(InputError, match=r"went away while counting.*run the same command again"):
        list(run_all(Gone(), square, [1], doing="counting"))


def test_who_waits_for_long_hears_why(monkeypatch):
    monkeypatch.setattr(running, "SECONDS_BETWEEN_LOOKS", 0.01)
    looks = []

    class Slow(ThreadPoolExecutor):
        def look(self):
            looks.append("nobody works")
            released.set()

    released = threading.Event()
    with Slow(1) as pool:
        assert list(run_all(pool, lambda task: released.wait(10), [1])) == [(1, True)]
    assert looks
