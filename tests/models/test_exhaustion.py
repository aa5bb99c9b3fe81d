"""Whole trainings that find no memory are in test_training.py."""

import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.models.exhaustion import exhaustion_explained, is_exhaustion


def named(kind, message=""):
    """An error of a library that is not imported here."""
    return type(kind, (Exception,), {})(message)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        named("ResourceExhaustedError"),
        named("OutOfMemoryError", "Tried to allocate 2.00 GiB"),
        named("XlaRuntimeError", "RESOURCE_EXHAUSTED: Out of memory while trying to allocate"),
        named("InternalError", "OOM when allocating tensor with shape[32,128,309,64]"),
        named("InternalError", "CUDA_ERROR_OUT_OF_MEMORY"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=repr,
)
def test_memory_that_runs_out_is_recognised(error):
    assert is_exhaustion(error)


@pytest.mark.parametrize("text", ["no scene called ROOM", "/data/oom/one.mp4", "allocated", ""])
def test_other_errors_are_not(text):
    assert not is_exhaustion(RuntimeError(text))


@pytest.mark.parametrize("kind", [InputError, FloatingPointError])
def test_what_says_itself_what_to_do_passes(kind):
    error = kind("clip OOM: the loss became nan")
    with pytest.raises(kind) as caught, explained():
        raise error
    assert caught.value is error


def test_the_message_has_network_batch_and_shape():
    with pytest.raises(InputError) as caught, explained():
        raise MemoryError
    assert str(caught.value) == (
        "Vis-INC: expected memory for batches of 32 samples of shape (224, 224, 3). Received: "
        "memory ran out. Lower training.batch_size of this network, run one network at a time "
        "with --runner-params max_workers=1, or, for pictures, lower features.rgb.size_px."
    )
    assert isinstance(caught.value.__cause__, MemoryError)


def explained():
    return exhaustion_explained(
        "Vis-INC", option="training.batch_size", batch_size=32, shape="(224, 224, 3)"
    )
