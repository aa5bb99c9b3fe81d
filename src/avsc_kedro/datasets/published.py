"""kedro-datasets' tables, JSON and texts, written whole or not at all.

Their own write in place: a run that is ended meanwhile leaves half a file, which a
later run would read. Imported by the catalog, not when pipelines are listed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
from kedro.io import AbstractVersionedDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset
from kedro_datasets.text import TextDataset

from avsc_kedro.publish import publish_file


class PublishedCSVDataset(CSVDataset):
    """A table as CSV."""

    def save(self, data: pd.DataFrame) -> None:
        _publish(self, data, CSVDataset.save.__wrapped__)


class PublishedJSONDataset(JSONDataset):
    """Plain data as JSON."""

    def save(self, data: Any) -> None:
        _publish(self, data, JSONDataset.save.__wrapped__)


class PublishedTextDataset(TextDataset):
    """One text."""

    def save(self, data: str) -> None:
        _publish(self, data, TextDataset.save.__wrapped__)


def _publish(dataset: AbstractVersionedDataset, data: Any, save: Callable) -> None:
    """Have `save`, without the checks that Kedro wraps it in, write a temporary file."""
    with publish_file(Path(dataset._get_save_path())) as temporary:
        aside = copy.copy(dataset)
        aside._filepath, aside._version = PurePosixPath(temporary.as_posix()), None
        save(aside, data)
