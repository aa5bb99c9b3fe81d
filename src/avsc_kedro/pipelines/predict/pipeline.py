"""video -> prediction, with the models of both phases."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.paper import BRANCH_NAMES, SINGLE_MODALITY_ROWS
from avsc_kedro.pipelines.predict import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that answers for one video."""
    names = (*BRANCH_NAMES, *SINGLE_MODALITY_ROWS)
    template = Pipeline(
        [
            node(
                nodes.predict_scene,
                {
                    "video": "params:video",
                    "labels": "labels",
                    "features": "params:features",
                    "fusion": "params:fusion",
                    "fused": "fusion_model",
                    **{name: f"{name}_model" for name in names},
                    **{f"{name}_summary": f"{name}_summary" for name in BRANCH_NAMES},
                },
                "prediction",
                name="predict_scene",
            )
        ]
    )
    models = {f"{name}_model": f"{name}.model" for name in (*names, "fusion")}
    summaries = {f"{name}_summary": f"{name}.summary" for name in BRANCH_NAMES}
    return Pipeline(template, inputs={**models, **summaries, "labels": "labels"})
