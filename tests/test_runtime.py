"""Starting the backend, without starting it."""

import os
import sys

import pytest

from avsc_kedro import runtime


def write_natively(text: str) -> None:
    os.write(2, text.encode())


def test_native_chatter_is_held_back(capfd):
    with runtime._native_stderr_held_back():
        write_natively("oneDNN custom operations are on\n")
    write_natively("after\n")
    assert capfd.readouterr().err == "after\n"


def test_native_messages_of_a_failing_import_are_shown(capfd):
    @runtime._native_stderr_held_back()
    def fail():
        write_natively("libcudart.so.12 not found\n")
        raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert capfd.readouterr().err == "libcudart.so.12 not found\n"


@pytest.fixture
def environment(monkeypatch):
    """The environment without any of the backend's variables; they go again afterwards."""
    threads = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    for name in (*runtime.ENVIRONMENT, *threads):
        monkeypatch.setenv(name, "to be removed afterwards")
        monkeypatch.delenv(name)
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    return monkeypatch


def test_another_backend_imports_no_tensorflow(environment):
    environment.setitem(sys.modules, "tensorflow", None)  # importing it would raise
    runtime.start_backend(threads=3)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_what_the_user_set_stays(environment):
    environment.setenv("TF_NUM_INTRAOP_THREADS", "1")
    runtime.start_backend(threads=3)
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"


def test_without_a_number_the_backend_chooses_its_threads(environment):
    runtime.start_backend()
    assert "OMP_NUM_THREADS" not in os.environ
