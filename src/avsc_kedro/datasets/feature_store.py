"""A feature store as a catalog dataset: saving a plan computes what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from kedro.io import AbstractDataset, DatasetError

from avsc_kedro.extraction import PlannedClip, extract_missing
from avsc_kedro.features import make_recipe
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import FeatureStore


class FeaturePlan(NamedTuple):
    """What a store should hold: these clips, by these options."""

    clips: list[PlannedClip]
    options: FeaturesOptions
    extraction: ExtractionOptions


class FeatureStoreDataset(AbstractDataset):
    """Features of one kind, one store per recipe.

    `save` takes a `FeaturePlan` and extracts the clips the store lacks; `load`
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
        self.metadata = metadata

    def load(self) -> FeatureStore:
        return self._store().open()

    def save(self, data: FeaturePlan) -> None:
        wanted = make_recipe(self._recipe.kind, data.options)
        if wanted != self._recipe:
            raise DatasetError(
                f"The plan asks for {wanted.canonical}, the catalog entry for "
                f"{self._recipe.canonical}. Let both read params:features."
            )
        extract_missing(self._store(), data.clips, data.extraction)

    def _exists(self) -> bool:
        return self._store().is_sealed()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "kind": self._recipe.kind, "id": self._recipe.id}

    def _store(self) -> FeatureStore:
        return FeatureStore(self._filepath, self._recipe)
