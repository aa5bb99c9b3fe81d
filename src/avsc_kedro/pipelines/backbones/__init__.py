"""Phase I: five backbones, one namespace a branch."""

from avsc_kedro.pipelines.backbones.pipeline import create_pipeline

__all__ = ["create_pipeline"]
