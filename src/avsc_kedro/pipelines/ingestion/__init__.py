"""Recordings into the table of clips."""

from avsc_kedro.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
