"""video -> prediction, with the models of both phases."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.freshness.plan import ALWAYS
from avsc_kedro.paper import BRANCH_NAMES, SINGLE_MODALITY_ROWS
from avsc_kedro.pipelines.binding import CHOSEN
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
                    **{f"{name}_summary": f"{name}_summary" for name in names},
                    "fused_summary": "fusion_summary",
                },
                "prediction",
                name="predict_scene",
                tags=[ALWAYS],
            )
        ]
    )
    trained = {
        f"{name}_{output}": f"{name}.{output}"
        for name in (*names, CHOSEN)
        for output in ("model", "summary")
    }
    return Pipeline(template, inputs={**trained, "labels": "labels"})
