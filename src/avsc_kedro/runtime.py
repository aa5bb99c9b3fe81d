"""The machine's devices: the one place that imports TensorFlow."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

from avsc_kedro.errors import InputError

VIRTUAL_CPUS = "AVSC_VIRTUAL_CPUS"
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
    if _backend() == "tensorflow":
        with _native_stderr_held_back():
            import tensorflow  # noqa: F401


@contextlib.contextmanager
def spread_over(devices: int) -> Iterator[None]:
    """Have what is built and trained in this block share each batch among devices.

    Each device holds a copy of the network; gradients are summed (MirroredStrategy).
    Devices are GPUs; where there is none, the virtual CPUs that `AVSC_VIRTUAL_CPUS`
    asks for, which are slower than one and show only that it works.

    Args:
        devices: How many; 1 changes nothing.

    Raises:
        InputError: If there are not so many, or Keras runs on another backend.
    """
    if devices == 1:
        yield
        return
    if _backend() != "tensorflow":
        raise InputError(
            f"Expected the TensorFlow backend for compute.devices: {devices}. Received "
            f"KERAS_BACKEND={_backend()}. Unset it, or set compute.devices: 1."
        )
    strategy = _mirror_on(devices)
    with strategy.scope():
        yield


def require_devices(devices: int) -> None:
    """Raise what `spread_over` would, without TensorFlow in this process.

    Raises:
        InputError: If there are not so many, or Keras runs on another backend.
    """
    if devices > 1:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            pool.submit(_try_to_spread, devices).result()


def _try_to_spread(devices: int) -> None:
    start_backend()
    with spread_over(devices):
        pass


def _mirror_on(devices: int):
    import tensorflow as tf

    _make_virtual_cpus(tf)
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(found) < devices:
        raise InputError(
            f"Expected {devices} devices, as compute.devices says. Received {len(found)}: "
            f"{', '.join(device.name for device in found)}. Lower compute.devices."
        )
    return tf.distribute.MirroredStrategy([device.name for device in found[:devices]])


def _make_virtual_cpus(tf) -> None:
    """Divide the CPU, if asked to; possible once, before TensorFlow has used it."""
    given = os.environ.get(VIRTUAL_CPUS) or "1"
    if not given.isdecimal():
        raise InputError(f"Expected a number in {VIRTUAL_CPUS}. Received {given!r}. Correct it.")
    count = int(given)
    (cpu,) = tf.config.list_physical_devices("CPU")
    if count > 1 and tf.config.get_logical_device_configuration(cpu) is None:
        try:
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * count
            )
        except RuntimeError:
            raise InputError(
                f"Expected {VIRTUAL_CPUS} to be set before TensorFlow's first work in a process. "
                f"Received {count} after it. Start a new process, in a notebook the kernel."
            ) from None


def _backend() -> str:
    return os.environ.get("KERAS_BACKEND", "tensorflow")


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
