"""embeddings -> fusion model -> audio-visual embedding and predictions."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.paper import (
    AUDIO_VISUAL_FUSIONS,
    BRANCH_NAMES,
    FUSION_BY_NAME,
    SINGLE_MODALITY_ROWS,
)
from avsc_kedro.pipelines.binding import CHOSEN, bind
from avsc_kedro.pipelines.fusion import nodes


def create_pipeline() -> Pipeline:
    """Return the fusion that `params:fusion` names and the two single-modality rows."""
    rows = [_row_pipeline(name, BRANCHES_OF[name]) for name in SINGLE_MODALITY_ROWS]
    return sum(rows, _row_pipeline(CHOSEN, BRANCH_NAMES))


def create_table_pipeline() -> Pipeline:
    """Return all eight rows of the paper's tables."""
    names = (*AUDIO_VISUAL_FUSIONS, *SINGLE_MODALITY_ROWS)
    return sum((_row_pipeline(name, BRANCHES_OF[name]) for name in names), Pipeline([]))


BRANCHES_OF = {name: fusion.branches for name, fusion in FUSION_BY_NAME.items()}


def _row_pipeline(name: str, branches: tuple[str, ...]) -> Pipeline:
    chosen = name == CHOSEN
    shared = {"clips": "usable_clips", "labels": "labels"}
    if chosen:
        shared["fusion"] = "params:fusion"
    row = {} if chosen else {"fusion": name}
    embeddings = {branch: f"{branch}_embeddings" for branch in branches}
    summaries = {f"{branch}_summary": f"{branch}_summary" for branch in branches}
    template = Pipeline(
        [
            node(
                bind(nodes.train_fusion, **row),
                {
                    **shared,
                    **embeddings,
                    **summaries,
                    "options": "params:fusion_layer",
                    "seed": "params:seed",
                    "refit": "params:refit",
                },
                ["model", "history", "summary"],
                name="train",
            ),
            node(
                bind(nodes.fuse_clips, **row),
                {**shared, **embeddings, "model": "model", "summary": "summary"},
                ["audio_visual_embedding", "predictions"],
                name="apply",
            ),
        ]
    )
    parameters = {"params:fusion_layer", "params:seed", "params:refit"}
    return Pipeline(
        template,
        namespace=name,
        inputs={
            "usable_clips": "usable_clips",
            "labels": "labels",
            **{
                f"{branch}_{output}": f"{branch}.{output}"
                for branch in branches
                for output in ("embeddings", "summary")
            },
        },
        parameters=parameters | ({"params:fusion"} if chosen else set()),
        tags=["phase2"],
    )
