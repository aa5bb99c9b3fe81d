"""A store of one kind of features: shards, and an index that seals them.

Layout: `<root>/<recipe id>/{recipe.json, plan.json, shards/*.h5, index.json}`. The
index is published last; shards that no index names yet are taken up by the next run.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from avsc_kedro.stores import health, outdated, writing
from avsc_kedro.stores.health import Damage
from avsc_kedro.stores.index import INDEX, Index, index_signature, read_index
from avsc_kedro.stores.lock import write_lock
from avsc_kedro.stores.reading import ShardReader
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Failure, Row
from avsc_kedro.stores.store_error import EXTRACT, StoreError, writing_to

logger = logging.getLogger(__name__)


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
        self._lock = threading.Lock()
        self._latest: tuple[tuple | None, Index] | None = None
        self._use(Index(recipe.id))

    @property
    def shards(self) -> Path:
        """Folder of the shards."""
        return self.folder / writing.SHARDS

    @property
    def clip_ids(self) -> list[str]:
        """Clips in the order of the index."""
        return list(self._order)

    @property
    def failures(self) -> list[Failure]:
        """Clips that could not be turned into features."""
        return list(self._index.failures.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """(clips, *shape of one clip's features)."""
        return (len(self), *self.recipe.shape)

    @property
    def content_digest(self) -> str:
        """Digest of the features and whose they are; not of where or when they were made."""
        digest = hashlib.blake2b(self.recipe.id.encode(), digest_size=16)
        for row in self._index.rows.values():
            digest.update(f"\n{row.clip_id}\t{row.digest}".encode())
        for clip_id in self._index.failures:
            digest.update(f"\n{clip_id}\tfailed".encode())
        return digest.hexdigest()

    def is_sealed(self) -> bool:
        """Whether an index has been published."""
        return (self.folder / INDEX).is_file()

    def signature(self) -> tuple[int, int, int] | None:
        """Return what tells one published index from the next; None without one."""
        return index_signature(self.folder)

    def open(self) -> FeatureStore:
        """Read the index and return this store.

        Raises:
            StoreError: If there is no index, or it is damaged.
        """
        try:
            index = self._read()
        except FileNotFoundError:
            raise StoreError(self._absent()) from None
        if index is not self._index:
            self._use(index)
        if index.incomplete:
            logger.warning("%s: %s. Run: %s", self.recipe.kind, index.incomplete, EXTRACT)
        return self

    def indexed_clips(self) -> list[str]:
        """Return every clip that the index names now, decoded or failed.

        Raises:
            StoreError: If the index is damaged.
        """
        try:
            return self._read().clip_ids
        except FileNotFoundError:
            return []

    def why_outdated(self) -> str | None:
        """Return in one short sentence why an extraction is due; None if the store is complete.

        Complete means that every shard is there and every recording as it was.
        """
        try:
            index = self._read()
        except FileNotFoundError:
            return "there is no index yet"
        except StoreError:
            return f"{self.folder / INDEX} is damaged"
        return outdated.why_outdated(self.folder, self.recipe, index)

    def verify(self) -> list[Damage]:
        """Read every row bit for bit, and list what is damaged."""
        return health.verify(self.folder, self.recipe)

    def repair(self) -> list[Damage]:
        """Move what is damaged to `quarantine/`; the next extraction makes exactly that anew."""
        with write_lock(self.folder), writing_to(self.folder):
            return health.repair(self.folder, self.recipe)

    def forget_failures(self) -> int:
        """Let the next extraction try the clips that failed again; return how many there are."""
        with write_lock(self.folder), writing_to(self.folder):
            return health.forget_failures(self.folder, self.recipe)

    def collect(self, *, older_than_s: float = 0) -> list[Path]:
        """Delete the shards that no row has needed for so long, and return their paths."""
        with write_lock(self.folder), writing_to(self.folder):
            return writing.collect(self.folder, self.recipe.id, older_than_s=older_than_s)

    def select(self, clip_ids: Sequence[str]) -> Selection:
        """Return the rows of `clip_ids`, in that order, without reading them."""
        return Selection(self, list(clip_ids))

    def row(self, clip_id: str) -> Row:
        """Return where the features of a clip lie, and what they were made from."""
        row = self._index.rows.get(clip_id)
        if row is None:
            raise KeyError(f"{clip_id} is not in the {self.recipe.kind} store {self.folder}")
        return row

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[clip] for clip in self._order)

    def __contains__(self, clip_id: object) -> bool:
        return clip_id in self._index.rows

    def __getitem__(self, key: int | str) -> np.ndarray:
        clip_id = key if isinstance(key, str) else self._order[key]
        row = self.row(clip_id)
        features = self._reader(row.shard).row(row, check=clip_id not in self._checked)
        self._checked.add(clip_id)
        return features

    def __getstate__(self):
        return {**self.__dict__, "_readers": {}, "_checked": set(), "_lock": None}

    def __setstate__(self, state):
        self.__dict__ = {**state, "_lock": threading.Lock()}

    def __repr__(self) -> str:
        return f"FeatureStore({self.recipe.kind}, shape={self.shape}, {self.folder})"

    def _read(self) -> Index:
        """Read the index, once for as long as its file stays the same."""
        signature = self.signature()
        if self._latest is None or self._latest[0] != signature:
            self._latest = (signature, read_index(self.folder, recipe_id=self.recipe.id))
        return self._latest[1]

    def _use(self, index: Index) -> None:
        self._index = index
        self._order = list(index.rows)
        self._readers: dict[str, ShardReader] = {}
        self._checked: set[str] = set()

    def _reader(self, shard: str) -> ShardReader:
        with self._lock:
            if shard not in self._readers:
                place = self._index.shards[shard]
                self._readers[shard] = ShardReader(self.shards / shard, place, self.recipe)
            return self._readers[shard]

    def _absent(self) -> str:
        folders = {path.parent for path in self.folder.parent.glob(f"*/{INDEX}")}
        others = sorted(folder.name for folder in folders - {self.folder})
        return (
            f"No {self.recipe.kind} features of recipe {self.recipe.id} in {self.folder.parent} "
            f"(recipes there: {', '.join(others) or 'none'}). Run: {EXTRACT}"
        )


class Selection(Sequence):
    """Some clips of a store, in a chosen order."""

    def __init__(self, store: FeatureStore, clip_ids: list[str]):
        self.store = store
        self.clip_ids = clip_ids

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.store[self.clip_ids[index]]
