"""features -> model -> embeddings -> predictions, once per branch."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.paper import BRANCHES, Branch
from avsc_kedro.pipelines.backbones import nodes
from avsc_kedro.pipelines.binding import bind
from avsc_kedro.runners import LONG, OWN_PROCESS


def create_pipeline() -> Pipeline:
    """Return Phase I's training: five branches, each a namespace of its own."""
    return sum((_branch_pipeline(branch) for branch in BRANCHES), Pipeline([]))


def _branch_pipeline(branch: Branch) -> Pipeline:
    shared = {"clips": "usable_clips", "labels": "labels"}
    template = Pipeline(
        [
            node(
                bind(nodes.TRAINERS[branch.modality], branch=branch),
                {
                    **shared,
                    "features": "features",
                    "options": "params:options",
                    "compute": "params:compute",
                    "seed": "params:seed",
                    "refit": "params:refit",
                    "checkpoints": "checkpoints",
                    "event_logs": "event_logs",
                },
                ["model", "history", "summary"],
                name="train",
                tags=[OWN_PROCESS, LONG] if branch.modality == "visual" else [OWN_PROCESS],
            ),
            node(
                bind(nodes.embed_clips, branch=branch),
                {
                    "model": "model",
                    "summary": "summary",
                    **shared,
                    "features": "features",
                    "batch_size": "params:embedding_batch_size",
                },
                "embeddings",
                name="embed",
                tags=[OWN_PROCESS],
            ),
            node(
                nodes.predict_scenes,
                {**shared, "embeddings": "embeddings"},
                "predictions",
                name="predict",
            ),
        ]
    )
    group = f"params:backbones.{branch.name}"
    return Pipeline(
        template,
        namespace=branch.name,
        inputs={
            "usable_clips": "usable_clips",
            "labels": "labels",
            "features": f"{branch.features}_features",
        },
        parameters={
            "params:options": group,
            "params:embedding_batch_size": f"{group}.embedding_batch_size",
            "params:compute": "params:compute",
            "params:seed": "params:seed",
            "params:refit": "params:refit",
        },
        tags=["phase1", branch.modality],
    )
