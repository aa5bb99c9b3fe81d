"""A DataFrame as an HTML table: numbers to the right, the best ones bold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

MOST_DECIMALS = 3
LONG_WORD = 30  # letters; paths are longer, and browsers do not break them at their slashes
BLANK = "–"


class Table(NamedTuple):
    """A table with its caption, and which of its numbers to print bold.

    best_in_columns names columns and "highest" or "lowest"; best_in_rows names the
    columns among which each row's highest is bold.
    """

    caption: str
    frame: pd.DataFrame
    best_in_columns: Mapping[str, str] = MappingProxyType({})
    best_in_rows: Sequence[str] = ()


def render_table(table: Table) -> str:
    """Return the table as HTML; the first column heads the rows, a missing value is a dash.

    A column of fractions shows as many decimals as its values need, at most three.
    """
    frame = table.frame.reset_index(drop=True)
    bold = _best_cells(table, frame)
    texts = {column: _texts(frame[column]) for column in frame}
    kinds = {c: _class(frame[c], texts[c]) for c in frame}
    head = "".join(f'<th scope="col"{kinds[c]}>{escape(str(c))}</th>' for c in frame)
    body = []
    for row in range(len(frame)):
        cells = []
        for place, column in enumerate(frame):
            text = escape(texts[column][row])
            text = f"<strong>{text}</strong>" if (row, column) in bold else text
            tag, scope = ("th", ' scope="row"') if place == 0 else ("td", "")
            cells.append(f"<{tag}{scope}{kinds[column]}>{text}</{tag}>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.caption)}">'
        f"<table><caption>{escape(table.caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _best_cells(table: Table, frame: pd.DataFrame) -> set[tuple[int, Any]]:
    """Return (row, column) of every bold cell; equal best values are all bold."""
    cells = set()
    for column, which in table.best_in_columns.items():
        best = {"highest": frame[column].max, "lowest": frame[column].min}[which]()
        cells |= {(row, column) for row in frame.index[frame[column] == best]}
    if table.best_in_rows:
        among = frame[list(table.best_in_rows)]
        highest = among.eq(among.max(axis=1), axis=0)
        cells |= {(row, column) for column in among for row in frame.index[highest[column]]}
    return cells


def _texts(column: pd.Series) -> list[str]:
    if not _is_number(column):
        return [BLANK if pd.isna(v) else str(v) for v in column]
    values = [None if pd.isna(v) else v for v in column]
    decimals = 0 if pd.api.types.is_integer_dtype(column) else _decimals(values)
    return [BLANK if v is None else f"{v:,.{decimals}f}" for v in values]


def _class(column: pd.Series, texts: Sequence[str]) -> str:
    if _is_number(column):
        return ' class="number"'
    longest = max((len(word) for text in texts for word in text.split()), default=0)
    return ' class="long"' if longest > LONG_WORD else ""


def _decimals(values: Sequence[float | None]) -> int:
    """Return the fewest decimals, one to three, that print every value exactly."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    for decimals in range(1, MOST_DECIMALS):
        if all(math.isclose(round(v, decimals), v, abs_tol=1e-9) for v in finite):
            return decimals
    return MOST_DECIMALS


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
