"""Rows of a delimited text file that lists clips."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from avsc_kedro.errors import InputError


def read_listing(path: Path, *, separator: str) -> pd.DataFrame:
    """Read a delimited text file with a header line, every cell as a stripped string.

    Args:
        path: UTF-8 text, with or without a byte-order mark.
        separator: The character between cells.

    Returns:
        The rows that are not blank, indexed by their line number in the file.

    Raises:
        InputError: If the file cannot be read, has no rows, or a row is longer
            than the header.
    """
    names, rows = _read_rows(path, separator)
    if not rows:
        raise InputError(
            f"Expected a header line and one clip a row in {path}. Received no rows. Add the clips."
        )
    return pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype=str)


def check_columns(listing: pd.DataFrame, path: Path, *, required: Sequence[str]) -> None:
    """Check that the required columns of a listing are there and filled in every row.

    Raises:
        InputError: If a column is not there or one of its cells is empty.
    """
    absent = [name for name in required if name not in listing.columns]
    if absent:
        raise InputError(
            f"Expected the column {absent[0]} in {path}. Received the columns "
            f"{', '.join(listing.columns)}. Add {', '.join(absent)} to its header line, or check "
            "what separates its cells."
        )
    for column in required:
        blank = listing.index[listing[column] == ""]
        if len(blank):
            raise InputError(
                f"Expected a value for {column} in {path}, line {blank[0]}. "
                f"Received an empty cell ({len(blank)} in all). Fill it in or remove the row."
            )


def _read_rows(path: Path, separator: str) -> tuple[list[str], dict[int, list[str]]]:
    rows = {}
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter=separator, strict=True)
            names = [name.strip() for name in next(reader, [])]
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    rows[reader.line_num] = _fit(cells, names, f"{path}, line {reader.line_num}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"Expected a readable UTF-8 text file at {path}. Received: {error}. "
            "Save it again as UTF-8 text with one clip a row."
        ) from error
    return names, rows


def _fit(cells: list[str], names: list[str], place: str) -> list[str]:
    if len(cells) > len(names):
        raise InputError(
            f"Expected at most {len(names)} cells in {place}, as in the header. "
            f"Received {len(cells)}. Quote the cells that contain the separator."
        )
    return [cell.strip() for cell in cells] + [""] * (len(names) - len(cells))
