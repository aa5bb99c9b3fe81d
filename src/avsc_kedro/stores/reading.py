"""Rows of one shard, mapped into memory where the index says they lie.

Nothing of HDF5 is read for it, so that damage to its own structures can neither
mislead a reader nor keep it from the rows.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Place, Row, checksum
from avsc_kedro.stores.store_error import REPAIR, StoreError


class ShardReader:
    """One shard's rows as arrays; the file is opened when the first is read.

    Args:
        path: The shard.
        place: Its size and where its rows begin, from the index.
        recipe: Shape and type of a row.
    """

    def __init__(self, path: Path, place: Place, recipe: Recipe):
        self._path = path
        self._place = place
        self._recipe = recipe
        self._row_bytes = recipe.row_bytes
        self._bytes: np.ndarray | None = None

    def row(self, row: Row, *, check: bool = True) -> np.ndarray:
        """Return one row, `recipe.shape`, read-only.

        Args:
            row: Which.
            check: Compare its bytes with its checksum.

        Raises:
            StoreError: If the file is gone, cut short, or the row damaged.
        """
        if self._bytes is None:
            self._bytes = self._map()
        start = self._place.offset + row.index * self._row_bytes
        values = self._bytes[start : start + self._row_bytes]
        if check and (values.nbytes != self._row_bytes or checksum(values) != row.checksum):
            raise StoreError(
                f"{self._path} is damaged: the features of {row.clip_id} no longer have their "
                f"checksum. {REPAIR}"
            )
        return values.view(self._recipe.dtype).reshape(self._recipe.shape)

    def _map(self) -> np.ndarray:
        try:
            with open(self._path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                # A map beyond the end of a file kills the process that touches it.
                if size != self._place.bytes:
                    raise StoreError(
                        f"{self._path} is damaged: expected {self._place.bytes} bytes. "
                        f"Received {size}. {REPAIR}"
                    )
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}. {REPAIR}") from error
        return np.frombuffer(mapped, np.uint8)
