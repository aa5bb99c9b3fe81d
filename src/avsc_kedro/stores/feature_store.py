"""A store of one kind of features: shards, and an index that seals them.

Layout: `<root>/<recipe id>/{recipe.json, shards/*.h5, index.json}`. The index is
published last; shards that no index names yet are adopted by the next run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from avsc_kedro.errors import InputError
from avsc_kedro.publish import digest_file, publish_bytes
from avsc_kedro.stores.shard import (
    UNREADABLE,
    Row,
    Source,
    map_features,
    read_rows,
    row_is_intact,
)

SHARDS = "shards"
INDEX = "index.json"
RECIPE = "recipe.json"
COMMAND = "kedro run --pipeline=phase1 with the same --env and --params"
# No shard takes this long to write: an older temporary one was left by a killed run.
ABANDONED_AFTER_S = 3600


class StoreError(InputError):
    """A store that cannot be read as asked; the message names the command that rebuilds."""


class Failure(NamedTuple):
    """A clip that could not be turned into features."""

    clip_id: str
    source: Source
    reason: str


class Recipe(NamedTuple):
    """Everything that decides the bytes of a store."""

    kind: str
    options: dict[str, Any]
    extractor_version: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def canonical(self) -> str:
        """The recipe as JSON, the same text for the same recipe."""
        return json.dumps(self._asdict(), sort_keys=True)

    @property
    def id(self) -> str:
        """Short digest of the canonical recipe; the store's folder name."""
        return hashlib.blake2b(self.canonical.encode(), digest_size=6).hexdigest()


class FeatureStore(Sequence):
    """Features of many clips, read like an array of arrays.

    `store[3]`, `store["tram-lisbon-1003-1203"]` and iteration give one clip's
    features; `store.select(clip_ids)` gives a view in that order. Rows are mapped
    into memory and checked against their checksum when first touched. Safe to
    pickle; nothing is opened before the first row is read.

    Args:
        root: Folder of all recipes of one kind of one data set.
        recipe: The recipe to read or write.
    """

    def __init__(self, root: Path, recipe: Recipe):
        self.folder = Path(root) / recipe.id
        self.recipe = recipe
        self._rows: dict[str, Row] = {}
        self._failures: dict[str, Failure] = {}
        self._order: list[str] = []
        self._maps: dict[str, np.ndarray] = {}
        self._checked: set[str] = set()
        self._lock = threading.Lock()

    @property
    def shards(self) -> Path:
        """Folder of the shards."""
        return self.folder / SHARDS

    @property
    def clip_ids(self) -> list[str]:
        """Clips in the order of the index."""
        return list(self._order)

    @property
    def failures(self) -> list[Failure]:
        """Clips that could not be turned into features."""
        return list(self._failures.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """(clips, *shape of one clip's features)."""
        return (len(self), *self.recipe.shape)

    def is_sealed(self) -> bool:
        """Whether an index has been published."""
        return (self.folder / INDEX).is_file()

    def open(self) -> FeatureStore:
        """Read the index and return this store.

        Raises:
            StoreError: If there is no index, or it is damaged.
        """
        path = self.folder / INDEX
        if not path.is_file():
            raise StoreError(self._absent())
        try:
            index = json.loads(path.read_text())
            rows = [Row(**{**row, "source": Source(*row["source"])}) for row in index["rows"]]
            failures = [
                Failure(row["clip_id"], Source(*row["source"]), row["reason"])
                for row in index["failures"]
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path} is damaged ({error}). {self._rebuild()}") from error
        self._rows = {row.clip_id: row for row in rows}
        self._order = list(self._rows)
        self._failures = {failure.clip_id: failure for failure in failures}
        return self

    def recover(self) -> FeatureStore:
        """Like `open`, and adopt shards that a run left behind before it was interrupted.

        Shards that it had only half written are removed.
        """
        if self.is_sealed():
            self.open()
        self._remove_abandoned()
        known = {row.shard for row in self._rows.values()}
        for path in sorted(self.shards.glob("[!.]*.h5")):
            if path.name in known:
                continue
            for row in read_rows(path, recipe_id=self.recipe.id) or ():
                if row.clip_id not in self._failures:
                    self._rows.setdefault(row.clip_id, row)
        return self

    def is_done(self, clip_id: str, path: str) -> bool:
        """Whether this clip was extracted, or found undecodable, from this very file."""
        known = self._rows.get(clip_id) or self._failures.get(clip_id)
        if known is None or not Path(path).is_file():
            return False
        status = Path(path).stat()
        if (status.st_size, status.st_mtime_ns) == (known.source.size, known.source.mtime_ns):
            return path == known.source.path or self._same_content(path, known)
        return status.st_size == known.source.size and self._same_content(path, known)

    def seal(self, clip_ids: Sequence[str], rows: list[Row], failures: list[Failure]) -> None:
        """Publish the index over `clip_ids`, from what was known and what is new.

        Args:
            clip_ids: The clips of the table, in order; others leave the index.
            rows: New rows.
            failures: New failures.
        """
        self._rows |= {row.clip_id: row for row in rows}
        self._failures |= {failure.clip_id: failure for failure in failures}
        for failure in failures:
            self._rows.pop(failure.clip_id, None)
        for row in rows:
            self._failures.pop(row.clip_id, None)
        self._rows = {clip: self._rows[clip] for clip in clip_ids if clip in self._rows}
        self._failures = {clip: self._failures[clip] for clip in clip_ids if clip in self._failures}
        self._order = list(self._rows)
        self._checked.clear()
        index = {
            "recipe": self.recipe.id,
            "rows": [row._asdict() for row in self._rows.values()],
            "failures": [failure._asdict() for failure in self._failures.values()],
        }
        publish_bytes(self.folder / RECIPE, self.recipe.canonical.encode())
        publish_bytes(self.folder / INDEX, json.dumps(index).encode())

    def select(self, clip_ids: Sequence[str]) -> Selection:
        """Return the rows of `clip_ids`, in that order, without reading them."""
        return Selection(self, list(clip_ids))

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[clip] for clip in self._order)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._rows

    def __getitem__(self, key: int | str) -> np.ndarray:
        clip_id = key if isinstance(key, str) else self._order[key]
        if clip_id not in self._rows:
            raise KeyError(f"{clip_id} is not in the {self.recipe.kind} store {self.folder}")
        row = self._rows[clip_id]
        features = self._map(row.shard)[row.index]
        self._check(features, row)
        return features

    def __getstate__(self):
        return {**self.__dict__, "_maps": {}, "_lock": None}

    def __setstate__(self, state):
        self.__dict__ = {**state, "_lock": threading.Lock()}

    def __repr__(self) -> str:
        return f"FeatureStore({self.recipe.kind}, shape={self.shape}, {self.folder})"

    def _map(self, shard):
        with self._lock:
            if shard not in self._maps:
                try:
                    self._maps[shard] = map_features(self.shards / shard)
                except UNREADABLE as error:
                    raise StoreError(
                        f"{self.shards / shard} cannot be read ({error}). {self._rebuild()}"
                    ) from error
            return self._maps[shard]

    def _check(self, features, row):
        if row.clip_id in self._checked:
            return
        if not row_is_intact(features, row.checksum):
            raise StoreError(
                f"{self.shards / row.shard} is damaged: the features of {row.clip_id} no longer "
                f"have their checksum. {self._rebuild()}"
            )
        self._checked.add(row.clip_id)

    def _remove_abandoned(self):
        for path in self.shards.glob(".*.h5"):
            with contextlib.suppress(FileNotFoundError):  # its writer may just publish it
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                    path.unlink()

    def _same_content(self, path, known):
        return digest_file(Path(path)) == known.source.digest

    def _absent(self):
        others = sorted(p.parent.name for p in self.folder.parent.glob(f"*/{INDEX}"))
        return (
            f"No {self.recipe.kind} features of recipe {self.recipe.id} in {self.folder.parent} "
            f"(recipes there: {', '.join(others) or 'none'}). "
            f"Run: {COMMAND}"
        )

    def _rebuild(self):
        return f"Delete {self.folder} and run {COMMAND} to make these features anew."


class Selection(Sequence):
    """Some clips of a store, in a chosen order."""

    def __init__(self, store: FeatureStore, clip_ids: list[str]):
        self.store = store
        self.clip_ids = clip_ids

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.store[self.clip_ids[index]]
