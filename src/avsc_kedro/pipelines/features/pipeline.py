"""clips -> four feature stores -> usable clips."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.paper import FEATURE_KINDS
from avsc_kedro.pipelines.binding import bind
from avsc_kedro.pipelines.features import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that fills one store per kind of feature."""
    plans = [
        node(
            bind(nodes.plan_features, kind=kind),
            {
                "clips": "clips",
                "features": "params:features",
                "extraction": "params:extraction",
            },
            f"{kind}_features",
            name=f"extract_{kind}",
        )
        for kind in FEATURE_KINDS
    ]
    usable = node(
        nodes.select_usable_clips,
        {"clips": "clips", **{kind: f"{kind}_features" for kind in FEATURE_KINDS}},
        ["usable_clips", "failed_clips", "labels"],
        name="select_usable_clips",
    )
    return Pipeline([*plans, usable])
