"""What to do when memory runs out, whichever library notices it.

No result depends on it; `source_code.reach` leaves this module out.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import numpy as np

from avsc_kedro.errors import InputError
from avsc_kedro.models.feeds import Feed
from avsc_kedro.models.samples import Samples

SAID = (InputError, FloatingPointError)  # these say themselves what to do
KINDS = ("ResourceExhaustedError", "OutOfMemoryError")  # of TensorFlow, of PyTorch
WORDS = re.compile(
    r"\bOOM\b|RESOURCE_EXHAUSTED|(?i:out.of.memory|cannot allocate memory|alloc_failed)"
)


def is_exhaustion(error: BaseException) -> bool:
    """Whether memory ran out, of the machine or of a GPU, as far as an error tells."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ in KINDS
        or bool(WORDS.search(str(error)))
    )


@contextlib.contextmanager
def exhaustion_explained(title: str, *, option: str, batch_size: int, shape: str) -> Iterator[None]:
    """Say what to try, should memory run out in this block.

    Args:
        title: What is under way.
        option: Which option the batch size is.
        batch_size: Samples that go through a network at a time.
        shape: Of one of these samples.

    Raises:
        InputError: In place of the error that says so.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, SAID) or not is_exhaustion(error):
            raise
        raise InputError(
            f"{title}: expected memory for batches of {batch_size} samples of shape {shape}. "
            f"Received: memory ran out. Lower {option} of this network, run one network at a "
            "time with --runner-params max_workers=1, or, for pictures, lower "
            "features.rgb.size_px."
        ) from error


@contextlib.contextmanager
def batches_explained(title: str, *feeds: Feed | None) -> Iterator[None]:
    """Let errors of a training on these feeds be told as what they are.

    Raises:
        Exception: What a feed met, where the backend has wrapped it in an error of its own.
        InputError: If memory ran out.
    """
    train = feeds[0]
    with exhaustion_explained(
        title,
        option="training.batch_size, or raise training.accumulation_steps,",
        batch_size=train.batch_size,
        shape=_shape(train.samples),
    ):
        try:
            yield
        except SAID:
            raise
        except Exception:
            for feed in feeds:
                if feed is not None and feed.error is not None:
                    raise feed.error from None
            raise


def _shape(samples: Samples) -> str:
    taken = samples.take(np.array([0]), None)
    parts = taken.values() if isinstance(taken, dict) else [taken]
    return " and ".join(sorted({str(part.shape[1:]) for part in parts}))
