"""A video nobody labelled: what scene it is, with sound, pictures and both."""

from avsc_kedro.pipelines.predict.pipeline import create_pipeline

__all__ = ["create_pipeline"]
