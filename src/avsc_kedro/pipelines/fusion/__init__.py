"""Phase II: the fusion layer and the dense layer, one namespace a row."""

from avsc_kedro.pipelines.fusion.pipeline import create_pipeline, create_table_pipeline

__all__ = ["create_pipeline", "create_table_pipeline"]
