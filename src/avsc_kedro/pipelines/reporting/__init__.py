"""Scores, tables, figures and one page of everything that was trained."""

from avsc_kedro.pipelines.reporting.pipeline import create_pipeline, create_table_pipeline

__all__ = ["create_pipeline", "create_table_pipeline"]
