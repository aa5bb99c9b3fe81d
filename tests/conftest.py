"""One small project, trained once a session by the user's own commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from avsc_kedro import runtime

# No test has a time limit: a busy machine is not an error.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

ROOT = Path(__file__).resolve().parents[1]
MEDIA = ROOT.parent / "shared" / "media"

# Runs kedro in this process and watches what it imports, decodes and opens.
WATCH = """
import json, sys
import av, soundfile
decoded, opened = [], []
av.open = soundfile.SoundFile = soundfile.info = lambda path, *_, **__: decoded.append(str(path))
def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith((".wav", ".mp4")):
        opened.append(str(arguments[0]))
sys.addaudithook(watch)
from kedro.framework.cli.cli import main
try:
    main()
finally:
    heavy = sorted({"tensorflow", "keras", "matplotlib"} & set(sys.modules))
    print(json.dumps({"imported": heavy, "decoded": decoded, "opened": opened}))
"""


@dataclass(frozen=True)
class Project:
    """A data root and the command line that works on it."""

    data_root: Path

    def kedro(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run `kedro ARGUMENTS` in the project as a user would."""
        return self._call([sys.executable, "-m", "kedro", *arguments], check)

    def _call(self, command: list[str], check: bool) -> subprocess.CompletedProcess:
        process = self._start(command)
        done = subprocess.CompletedProcess(command, 0, *process.communicate())
        done.returncode = process.returncode
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def _start(self, command: list[str]) -> subprocess.Popen:
        environment = {**os.environ, "AVSC_DATA_ROOT": str(self.data_root), "CI": "1"}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)

    def kedro_watched(self, *arguments: str) -> subprocess.CompletedProcess:
        """Like `kedro`; the last line of its output says, as JSON, what it imported and opened."""
        return self._call([sys.executable, "-c", WATCH, *arguments], check=True)

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run `kedro run --env=test ARGUMENTS`."""
        return self.kedro("run", "--env=test", *arguments, check=check)

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start `kedro run --env=test ARGUMENTS` and do not wait for it."""
        return self._start([sys.executable, "-m", "kedro", "run", "--env=test", *arguments])

    def latest(self, pattern: str) -> Path:
        """Return the newest file that matches, below the data root."""
        found = sorted(self.data_root.glob(pattern))
        assert found, f"nothing matches {pattern} in {self.data_root}"
        return found[-1]


@dataclass(frozen=True)
class TrainedProject(Project):
    """A project that was trained; `told` is what each run said, line by line."""

    told: dict[str, list[str]]


def run_script(source: str, *arguments: object, **environment: str) -> dict:
    """Run Python source in a process of its own; return the last line of its output, from JSON."""
    done = subprocess.run(
        [sys.executable, "-c", source, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "src", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def empty_project(tmp_path) -> Project:
    """A project that has run nothing."""
    return Project(tmp_path / "data")


@pytest.fixture(scope="session")
def trained_project(tmp_path_factory) -> TrainedProject:
    """The synthetic set through phase1 and phase2, at the size of conf/test.

    Two branches are trained first, by a run each at the same time, as two machines with a shared
    folder would; the last run, named `all`, does what is left.
    """
    project = Project(tmp_path_factory.mktemp("trained") / "data")
    project.run("--pipelines=ingestion,features")
    running = {
        branch: project.start("--pipeline=phase1", "--namespaces", branch)
        for branch in ("aud_mel", "aud_cqt")
    }
    said = {branch: process.communicate()[1] for branch, process in running.items()}
    for branch, process in running.items():
        assert process.returncode == 0, said[branch]
    said["all"] = project.run().stderr
    told = {name: stderr.splitlines() for name, stderr in said.items()}
    return TrainedProject(project.data_root, told)


@pytest.fixture(scope="session")
def media() -> Path:
    """Real recordings beside the project."""
    if not MEDIA.is_dir():
        pytest.skip("../shared/media is not beside the project")
    return MEDIA


@pytest.fixture
def batch_sizes(monkeypatch) -> list[int]:
    """How many samples go through a network at a time, batch by batch, padding included."""
    import keras

    sizes = []
    real = keras.Model.predict_on_batch

    def note(network, samples):
        sizes.append(len(samples))
        return real(network, samples)

    monkeypatch.setattr(keras.Model, "predict_on_batch", note)
    return sizes


@pytest.fixture(scope="module")
def eager():
    """Trainings run untraced: tracing is most of the time of a small one.

    benchmarks/kill_training.py interrupts traced ones.
    """
    from avsc_kedro.models import training

    compile_traced = training.compile_training

    def compile_eager(*args, **kwargs):
        trainer = compile_traced(*args, **kwargs)
        trainer.run_eagerly = True
        return trainer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "compile_training", compile_eager)
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Keep TensorFlow's start-up chatter out of the output; nothing else captures a worker's."""
    if hasattr(config, "workerinput"):
        runtime.start_backend()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that a second worker can do all else beside it."""
    items.sort(key=lambda item: item.get_closest_marker("end_to_end") is None)


def pytest_terminal_summary(terminalreporter) -> None:
    count = len(list(MEDIA.rglob("*.*"))) if MEDIA.is_dir() else 0
    terminalreporter.write_line(f"real media files beside the project: {count}")
