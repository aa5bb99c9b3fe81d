"""What goes wrong with a store, and the command that puts it right."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from avsc_kedro.errors import InputError

EXTRACT = "kedro run --pipeline=features with the same --env and --params"
REPAIR = f"Run: kedro stores repair, then {EXTRACT}"


class StoreError(InputError):
    """A store that cannot be used as asked; the message names the command that rebuilds."""


class StoreBusyError(StoreError):
    """A store that another run is writing."""


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `StoreError` with the next step."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Expected to write to {folder}. Received {error.strerror or error}. Make room there "
            "or allow writing, then run the same command again; finished shards are kept."
        ) from error
