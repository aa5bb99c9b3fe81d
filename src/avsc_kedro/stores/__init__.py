"""The only HDF5: feature stores in shards, and embeddings."""

from avsc_kedro.stores.feature_store import FeatureStore, StoreError

__all__ = ["FeatureStore", "StoreError"]
