"""A feature store as a catalog dataset: saving a plan computes what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kedro.io import AbstractDataset, DatasetError

from avsc_kedro.extraction import PlannedClip, extract_missing
from avsc_kedro.features import kinds_beside, make_recipe
from avsc_kedro.freshness.outputs import STAMP
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import FeatureStore

if TYPE_CHECKING:
    from kedro_datasets._typing import TablePreview

PREVIEW_COLUMNS = ["clip_id", "shard", "row", "lowest", "mean", "highest"]
PREVIEW_CLIPS = 10


class FeaturePlan(NamedTuple):
    """What a store should hold: these clips, by these options."""

    clips: list[PlannedClip]
    options: FeaturesOptions
    extraction: ExtractionOptions


class FeatureStoreDataset(AbstractDataset):
    """Features of one kind, one store per recipe.

    `save` takes a `FeaturePlan` and extracts the clips the store lacks, and those that
    the stores of other kinds of the same recordings lack: each is decoded once. `load`
    returns the sealed store, which opens shards only when rows are read.

    Args:
        filepath: Folder of all recipes of this kind and data set.
        kind: mel, gam, cqt or rgb.
        features: The `features` group of the parameters.
        metadata: Anything other tools want to know.
    """

    def __init__(
        self,
        *,
        filepath: str,
        kind: str,
        features: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ):
        self._filepath = Path(filepath)
        self._recipe = make_recipe(kind, FeaturesOptions(**features))
        self._anew = False
        self._opened: tuple[Any, FeatureStore] | None = None
        self.metadata = metadata

    @property
    def stamp_path(self) -> Path:
        """Where the record of how this store was made belongs."""
        return self._filepath / self._recipe.id / STAMP

    def load(self) -> FeatureStore:
        return self._store().open()

    def save(self, data: FeaturePlan) -> None:
        wanted = make_recipe(self._recipe.kind, data.options)
        if wanted != self._recipe:
            raise DatasetError(
                f"The plan asks for {wanted.canonical}, the catalog entry for "
                f"{self._recipe.canonical}. Let both read params:features."
            )
        store = FeatureStore(self._filepath, self._recipe)
        beside = self._beside(data.options)
        extract_missing(store, data.clips, data.extraction, anew=self._anew, beside=beside)
        self._anew = False

    def make_anew(self) -> None:
        """Let the next `save` extract every clip, also those that are up to date."""
        self._anew = True

    def why_outdated(self) -> str | None:
        """Return in one short sentence why an extraction is due, None if none is."""
        return self._store().why_outdated()

    def content_digest(self) -> str:
        """Return the digest of the features and whose they are.

        Raises:
            StoreError: If there is no index, or it is damaged.
        """
        return self._store().open().content_digest

    def own_options(self) -> dict[str, Any]:
        """Return what decides the features besides the clips, as plain data."""
        recipe = json.loads(self._recipe.canonical)
        return {"features": recipe.pop("options"), **recipe}  # as the parameters are named

    def former_stamps(self) -> list[Path]:
        """Return the records of this kind's stores of other recipes, newest first."""
        stamps = [path for path in self._filepath.glob(f"*/{STAMP}") if path != self.stamp_path]
        return sorted(stamps, key=lambda path: path.stat().st_mtime_ns, reverse=True)

    def preview(self) -> TablePreview:
        """Return the first clips as Kedro-Viz shows a table."""
        store = self._store().open()
        clips = store.clip_ids[:PREVIEW_CLIPS]
        return {
            "index": list(range(len(clips))),
            "columns": PREVIEW_COLUMNS,
            "data": [_summarise(store, clip) for clip in clips],
        }

    def _beside(self, options: FeaturesOptions) -> list[FeatureStore]:
        """The stores of other kinds for which the same recordings are decoded.

        They lie beside this one, in folders named after their kinds, unless the catalog
        was changed; what they lack then is made when they are saved themselves.
        """
        if self._filepath.name != self._recipe.kind:
            return []
        return [
            FeatureStore(self._filepath.with_name(kind), make_recipe(kind, options))
            for kind in kinds_beside(self._recipe.kind)
        ]

    def _exists(self) -> bool:
        return self.why_outdated() is None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "kind": self._recipe.kind, "id": self._recipe.id}

    def _store(self) -> FeatureStore:
        """The store; the same one as long as its index stays, so that it is read once."""
        store = FeatureStore(self._filepath, self._recipe)
        signature = store.signature()
        if self._opened is None or self._opened[0] != signature:
            self._opened = (signature, store)
        return self._opened[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}  # another process reads the index itself


def _summarise(store: FeatureStore, clip_id: str) -> list[Any]:
    row, values = store.row(clip_id), store[clip_id]
    numbers = [float(value) for value in (values.min(), values.mean(dtype="f8"), values.max())]
    return [clip_id, row.shard, row.index, *(round(number, 3) for number in numbers)]
