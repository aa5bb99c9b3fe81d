"""Nodes in processes of their own: results, failures, and nothing left behind."""

import logging
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner.task import Task
from kedro_datasets.json import JSONDataset

from avsc_kedro.errors import InputError
from avsc_kedro.runners import LONG, OWN_PROCESS, NodeProcessDied, NodeProcessRunner, error_chain
from avsc_kedro.runners.node_process import _NodeExecutor
from avsc_kedro.runners.processes import Failed, NodeProcesses

WORK = """
import os, time
from pathlib import Path

from avsc_kedro import progress
from avsc_kedro.errors import InputError


class Stubborn(Exception):
    def __init__(self, one, two):
        super().__init__("cannot be pickled back")


def double(number):
    with progress.track(1, f"doubling {number}") as bar:
        bar.advance()
    return 2 * number

def process_id(number):
    return os.getpid()

def environment(number):
    return {name: os.environ.get(name) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")}

def sleep(folder):
    Path(folder, "asleep").write_text(str(os.getpid()))
    time.sleep(120)
    return 1

def refuse_when_other_sleeps(folder):
    while not Path(folder, "asleep").is_file():
        time.sleep(0.05)
    raise InputError("no such scene")

def refuse(number):
    raise InputError("no such clip")

def die(number):
    os._exit(7)

def kill_itself(number):
    os.kill(os.getpid(), 9)

def raise_stubborn(number):
    raise Stubborn(1, 2)

def unserialisable(number):
    return {1, 2}
"""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Functions that spawned children can import."""
    name = "node_functions"
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / f"{name}.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path / "package")
    monkeypatch.setenv("KERAS_BACKEND", "numpy")  # children start without TensorFlow
    monkeypatch.delitem(sys.modules, name, raising=False)
    import node_functions

    yield node_functions
    sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "räume mit 空間"
    path.mkdir()
    return path


def run(folder: Path, nodes: list, *, number=21, workers=2) -> dict:
    names = {name for each in nodes for name in each.outputs}
    files = {name: JSONDataset(filepath=str(folder / f"{name}.json")) for name in names}
    catalog = DataCatalog({"number": MemoryDataset(number), **files})
    NodeProcessRunner(max_workers=workers).run(Pipeline(nodes), catalog)
    return {name: file.load() for name, file in files.items()}


def own(function, inputs="number", outputs="result", **options):
    return node(function, inputs, outputs, tags=[OWN_PROCESS], name=function.__name__, **options)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_results_are_saved_and_passed_on(work, folder, caplog, capsys):
    caplog.set_level(logging.INFO, "avsc_kedro")
    nodes = [own(work.double, outputs="twice"), node(work.double, "twice", "four_times", name="b")]
    assert run(folder, nodes) == {"twice": 42, "four_times": 84}
    lines = [record.message for record in caplog.records]
    assert [line for line in lines if line.startswith("[")] == ["[1/2] double", "[2/2] b"]
    assert not any("Completed" in line for line in lines)
    assert "doubling 21: 1/1 clips, done" in capsys.readouterr().err


def test_a_tagged_node_has_a_process_of_its_own_and_others_have_not(work, folder):
    here = node(work.process_id, "number", "here", name="here")
    found = run(folder, [own(work.process_id, outputs="there"), here])
    assert found["here"] == os.getpid()
    assert found["there"] != os.getpid()
    assert not is_running(found["there"])


def test_processes_side_by_side_share_the_cores(work, folder, monkeypatch):
    monkeypatch.setattr("avsc_kedro.runners.node_process.usable_cpus", lambda: 6)
    assert set(run(folder, [own(work.environment)])["result"].values()) <= {"3", None}


def test_two_tagged_nodes_at_a_time_or_fewer_where_there_is_one_core(monkeypatch):
    monkeypatch.setattr("avsc_kedro.runners.node_process.usable_cpus", lambda: 8)
    assert NodeProcessRunner()._get_required_workers_count(None) == 2
    monkeypatch.setattr("avsc_kedro.runners.node_process.usable_cpus", lambda: 1)
    assert NodeProcessRunner()._get_required_workers_count(None) == 1
    with pytest.raises(ValueError, match="positive"):
        NodeProcessRunner(max_workers=0)


def test_of_those_that_wait_long_nodes_start_first(monkeypatch):
    started, go_on = [], threading.Event()

    def record(processes, task):
        started.append(task.node.name)
        go_on.wait()

    monkeypatch.setattr(NodeProcesses, "run", record)
    tags = {"first": [], "short": [], "long": [LONG], "shorter": [], "longer": [LONG]}
    tasks = [
        Task(node(abs, "number", name, name=name, tags=[OWN_PROCESS, *more]), DataCatalog(), False)
        for name, more in tags.items()
    ]
    with _NodeExecutor(1, nodes=len(tasks)) as executor:
        done = [executor.submit(task) for task in tasks]
        go_on.set()
        assert {future.result().name for future in done} == set(tags)
    assert started == ["first", "long", "longer", "short", "shorter"]


def test_a_failing_node_raises_its_own_error_and_ends_the_other(work, folder, caplog):
    nodes = [
        own(work.sleep, outputs="one"),
        own(work.refuse_when_other_sleeps, outputs="two"),
    ]
    with pytest.raises(InputError, match="no such scene") as caught:
        run(folder, nodes, number=str(folder))
    assert not is_running(int((folder / "asleep").read_text()))
    assert not multiprocessing.active_children()
    assert caught.value.__notes__ == ["This was in the node refuse_when_other_sleeps."]
    assert "refuse_when_other_sleeps(folder)" not in str(caught.value)
    assert "in refuse_when_other_sleeps" in str(caught.value.__cause__)
    assert "--from-nodes" not in caplog.text


def test_a_failure_in_this_process_ends_the_other(work, folder):
    nodes = [
        own(work.sleep, outputs="one"),
        node(work.refuse_when_other_sleeps, "number", "two", name="here"),
    ]
    with pytest.raises(InputError, match="no such scene"):
        run(folder, nodes, number=str(folder))
    assert not is_running(int((folder / "asleep").read_text()))


@pytest.mark.parametrize(("name", "how"), [("die", "exit status 7"), ("kill_itself", "signal 9")])
def test_a_process_that_dies_names_its_node_and_what_to_do(work, folder, name, how):
    with pytest.raises(NodeProcessDied, match=rf"node {name} died .*{how}") as caught:
        run(folder, [own(getattr(work, name))])
    assert "--runner-params max_workers=1" in str(caught.value)


def test_an_error_that_cannot_be_pickled_is_told_in_words(work, folder):
    with pytest.raises(RuntimeError, match="Stubborn: cannot be pickled back"):
        run(folder, [own(work.raise_stubborn)])


def test_an_error_while_saving_keeps_its_cause(work, folder):
    with pytest.raises(DatasetError) as caught:
        run(folder, [own(work.unserialisable)])
    assert any(isinstance(link, TypeError) for link in error_chain(caught.value))


def test_what_can_be_kept_is_told_in_one_line(work, folder, caplog):
    nodes = [own(work.double, outputs="twice"), node(work.refuse, "twice", "x", name="later")]
    with pytest.raises(InputError):
        run(folder, nodes)
    told = [record.message for record in caplog.records if "kept" in record.message]
    assert told == ["What is done is kept: the same command goes on from here."]
    assert "--from-nodes" not in caplog.text


def test_causes_survive_the_way_between_processes():
    outer = DatasetError("Failed while loading")
    outer.__cause__ = InputError("no such clip")
    error = pickle.loads(pickle.dumps(Failed.from_error(outer))).error()
    kinds = [type(link).__name__ for link in error_chain(error)]
    assert kinds == ["DatasetError", "InputError", "ChildTraceback"]


SLEEPING_RUN = """
import signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import node_functions
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner.task import Task
from kedro_datasets.json import JSONDataset
from avsc_kedro.runners import NodeProcessRunner, OWN_PROCESS

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    catalog = DataCatalog({
        "number": MemoryDataset(sys.argv[1]),
        "out": JSONDataset(filepath=sys.argv[1] + "/out.json"),
    })
    nodes = [node(node_functions.sleep, "number", "out", tags=[OWN_PROCESS])]
    NodeProcessRunner().run(Pipeline(nodes), catalog)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_children_do_not_outlive_a_parent_that_is_stopped(work, folder, tmp_path, number):
    script = tmp_path / "sleeping_run.py"
    script.write_text(SLEEPING_RUN)
    command = [sys.executable, str(script), str(folder), str(tmp_path / "package")]
    parent = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    child = int(_wait_for(lambda: (folder / "asleep").is_file() and _text(folder / "asleep")))
    parent.send_signal(number)
    _, shown = parent.communicate(timeout=60)
    assert _wait_for(lambda: not is_running(child))
    assert shown.count("KeyboardInterrupt") == (number == signal.SIGINT)


def _text(path: Path) -> str:
    return path.read_text()


def _wait_for(condition, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")
