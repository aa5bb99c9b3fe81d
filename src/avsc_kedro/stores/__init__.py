"""The only HDF5: feature stores in shards, and embeddings."""

from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.health import Damage
from avsc_kedro.stores.listing import StoreInfo, delete_store, list_stores, store_at
from avsc_kedro.stores.store_error import StoreBusyError, StoreError

__all__ = [
    "Damage",
    "FeatureStore",
    "StoreBusyError",
    "StoreError",
    "StoreInfo",
    "delete_store",
    "list_stores",
    "store_at",
]
