"""The only HDF5: feature stores in shards, and embeddings."""

from avsc_kedro.stores.feature_store import FeatureStore
from avsc_kedro.stores.health import Damage
from avsc_kedro.stores.listing import StoreInfo, list_stores, store_at
from avsc_kedro.stores.store_error import StoreError

__all__ = ["Damage", "FeatureStore", "StoreError", "StoreInfo", "list_stores", "store_at"]
