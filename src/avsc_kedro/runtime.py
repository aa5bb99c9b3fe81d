"""The machine's devices: the one place that imports TensorFlow."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # two trainings may share one GPU
}


def start_backend(*, threads: int | None = None) -> None:
    """Import TensorFlow without its start-up chatter, which would cut through the progress.

    Does nothing if Keras runs on another backend.

    Args:
        threads: Cores this process may use; None leaves the choice to TensorFlow.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if threads is not None:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
        os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow":
        with _native_stderr_held_back():
            import tensorflow  # noqa: F401


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Hold back what libraries write to file descriptor 2; show it if importing fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
