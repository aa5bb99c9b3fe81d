"""What a bar says of itself: small values that any queue can carry."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple


class Started(NamedTuple):
    """A bar opened; `total` is None when the end is not known.

    `part_of` is the key of the bar whose work is shown here in detail, such as one epoch of a
    training: a log leaves it out, and it goes when that bar closes.
    """

    key: str
    total: int | None
    description: str
    unit: str
    part_of: str | None = None


class Advanced(NamedTuple):
    """`count` more are done; `fields` are the latest numbers to show beside."""

    key: str
    count: int
    fields: dict[str, Any]


class Finished(NamedTuple):
    """A bar closed, whether or not it reached its total."""

    key: str


Event = Started | Advanced | Finished


def fields_text(fields: dict[str, Any]) -> str:
    """Return fields as words: `failures 2, loss 0.31`."""
    return ", ".join(f"{name} {_number(value)}" for name, value in fields.items())


def _number(value: Any) -> str:
    inexact = isinstance(value, Real) and not isinstance(value, Integral)
    return f"{value:.3g}" if inexact else str(value)
