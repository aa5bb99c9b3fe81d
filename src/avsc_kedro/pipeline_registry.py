"""Every pipeline by name."""

from kedro.pipeline import Pipeline

from avsc_kedro.pipelines import backbones, features, fusion, ingestion, predict, reporting


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines that `kedro run --pipeline` accepts."""
    phase1 = ingestion.create_pipeline() + features.create_pipeline() + backbones.create_pipeline()
    phase2 = fusion.create_pipeline() + reporting.create_pipeline()
    return {
        "__default__": phase1 + phase2,
        "ingestion": ingestion.create_pipeline(),
        "features": features.create_pipeline(),
        "phase1": phase1,
        "phase2": phase2,
        "paper_tables": fusion.create_table_pipeline() + reporting.create_table_pipeline(),
        "predict": predict.create_pipeline(),
    }
