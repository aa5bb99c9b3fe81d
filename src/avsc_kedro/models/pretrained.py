"""Files of pretrained weights: the stock ones, where Keras keeps them, which file is trusted.

Nothing here looks into a file, and Keras is not loaded: a run asks before it begins, and the
training again before it reads the file.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from avsc_kedro.errors import InputError
from avsc_kedro.options import TRAINED_ENDING
from avsc_kedro.paper import BRANCHES


class StockWeights(NamedTuple):
    """A file of ImageNet weights without the classification head, as Keras publishes it."""

    file: str
    algorithm: str
    checksum: str

    def __str__(self) -> str:
        return f"{self.file} ({self.algorithm} {self.checksum})"


# Source: keras/src/applications/inception_v3.py and convnext.py.
STOCK_WEIGHTS = {
    "inception_v3": StockWeights(
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5",
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "convnext_tiny": StockWeights(
        "convnext_tiny_notop.h5",
        "sha256",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
}


def names_file(weights: str) -> bool:
    """Whether an option `weights` is a path."""
    return weights not in ("imagenet", "none")


def names_trained_network(weights: str) -> bool:
    """Whether an option `weights` is the path of a network that this project trained."""
    return names_file(weights) and weights.endswith(TRAINED_ENDING)


def branch_of(architecture: str) -> str:
    """Return the name of the branch that has a visual network."""
    [branch] = [branch.name for branch in BRANCHES if branch.architecture == architecture]
    return branch


def require_trusted(path: Path, architecture: str, *, sha256: str | None) -> None:
    """Refuse a file whose content is not known to be good.

    Args:
        path: A file of weights or a trained network.
        architecture: The network that it is for.
        sha256: The digest that the user trusts; None trusts the stock file alone.

    Raises:
        InputError: With the digest expected and the one received.
    """
    if sha256 is None and _is_stock(path, architecture):
        return
    received = _digest(path, "sha256")
    if sha256 is not None and received == sha256.lower():
        return
    expected, step = _expected(path, architecture, sha256)
    option = f"backbones.{branch_of(architecture)}.weights_sha256"
    raise InputError.of(
        expected=expected,
        received=f"sha256 {received}",
        remedy=f"{step} you trust this file, set {option} to {received}.",
        where=str(path),
    )


def keras_cache() -> Path:
    """Return the folder that Keras looks in; it passes over one that it cannot write to."""
    home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
    there = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    return (home if os.access(there, os.W_OK) else Path("/tmp/.keras")) / "models"


def why_not_cached(architecture: str) -> str:
    """Return what is wrong with the stock file in Keras' folder, empty if nothing is."""
    stock = STOCK_WEIGHTS[architecture]
    path = keras_cache() / stock.file
    if not path.is_file():
        return f"{stock.file} is not there"
    if _is_stock(path, architecture):
        return ""
    return f"{stock.file} has {stock.algorithm} {_digest(path, stock.algorithm)}"


def explain_unfetched(lacking: Mapping[str, str], reason: str) -> str:
    """Say which stock files are expected, what is there instead, and what to do.

    Args:
        lacking: {architecture: what `why_not_cached` says of it}.
        reason: Why Keras cannot fetch them.
    """
    files = ", ".join(str(STOCK_WEIGHTS[architecture]) for architecture in lacking)
    options = ", ".join(f"backbones.{branch_of(architecture)}.weights" for architecture in lacking)
    return (
        f"Expected the ImageNet weights {files} in {keras_cache()}. "
        f"Received none to use: {', '.join(lacking.values())}; and {reason}. On a machine with a "
        f"network, get each from the Keras applications release and put it there; or set "
        f"{options} to the path of the file, or to none for random weights."
    )


def _is_stock(path: Path, architecture: str) -> bool:
    stock = STOCK_WEIGHTS[architecture]
    return _digest(path, stock.algorithm) == stock.checksum


def _digest(path: Path, algorithm: str) -> str:
    # Where policy forbids MD5, it forbids it for security only; there Keras offers nothing else.
    start = functools.partial(hashlib.new, algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        return hashlib.file_digest(file, start).hexdigest()


def _expected(path: Path, architecture: str, sha256: str | None) -> tuple[str, str]:
    """Return which content is expected, and the beginning of what to do for it."""
    option = f"backbones.{branch_of(architecture)}.weights_sha256"
    if sha256 is not None:
        return f"sha256 {sha256}, as {option} says", "Copy it again; or, if"
    if names_trained_network(str(path)):
        return f"in {option} the digest of the trained network", "If"
    stock = STOCK_WEIGHTS[architecture]
    return (
        f"{stock.algorithm} {stock.checksum}, that of the stock file {stock.file}",
        "Fetch it again; or, if",
    )
