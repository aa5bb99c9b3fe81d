"""Whether a worker makes the features that the others make."""

from __future__ import annotations

import socket
from functools import cache
from pathlib import Path

from avsc_kedro.errors import InputError
from avsc_kedro.features import EXTRACTOR_VERSIONS
from avsc_kedro.stores.recipe import library_versions


@cache
def maker() -> dict[str, str]:
    """Return what decides the features besides their recipes, in this process."""
    extractors = {f"{kind} extractor": str(v) for kind, v in EXTRACTOR_VERSIONS.items()}
    return extractors | library_versions()


def require_same_maker(wanted: dict[str, str], folder: Path) -> None:
    """Refuse work that this process would do in another way, or in another place.

    It may be on another machine than the process that planned the work.

    Args:
        wanted: `maker()` where the work was planned.
        folder: The folder of a store that has been made there.

    Raises:
        InputError: If the folder is not here, or extractors or libraries differ.
    """
    host = socket.gethostname()
    if not folder.is_dir():
        raise InputError(
            f"Expected {folder} on every worker. Received no such folder on {host}. "
            "Mount the data root there at the same path, or set data_root to a shared one."
        )
    others = [
        f"{n} {maker().get(n)} for {wanted[n]}" for n in wanted if maker().get(n) != wanted[n]
    ]
    if others:
        raise InputError(
            f"Expected the same versions on every worker. Received {', '.join(others)} on {host}. "
            "Install there what is installed here, as requirements.lock names it."
        )
