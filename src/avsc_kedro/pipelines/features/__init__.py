"""Clips into stores of MEL, GAM, CQT and frames."""

from avsc_kedro.pipelines.features.pipeline import create_pipeline

__all__ = ["create_pipeline"]
