"""One node function for every row of a table, and the row the user chooses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, update_wrapper

CHOSEN = "fusion"  # namespace of the fusion that params:fusion names


class BoundNode(partial):
    """A partial that keeps its name when it is sent to another process.

    Processes are sent a plain partial without its attributes.
    """


def bind(function: Callable, **row) -> Callable:
    """Fix some arguments of a node function.

    Unlike a bare partial it keeps the name and the annotations, by which Kedro
    turns parameters into typed options.
    """
    return update_wrapper(BoundNode(function, **row), function)
