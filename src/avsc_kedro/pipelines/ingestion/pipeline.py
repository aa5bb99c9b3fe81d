"""clip_source -> clips."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.pipelines.ingestion import nodes


def create_pipeline() -> Pipeline:
    """Return the pipeline that ends in the table of clips."""
    return Pipeline(
        [
            node(
                nodes.request_clips,
                ["params:clips", "params:embedded", "params:extraction"],
                "clip_source",
                name="obtain_clips",
            ),
            node(nodes.split_clips, ["clip_source", "params:clips"], "clips", name="split_clips"),
            node(nodes.count_clips, ["clips", "params:clips"], "clip_counts", name="count_clips"),
        ]
    )
