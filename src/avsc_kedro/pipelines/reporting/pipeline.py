"""predictions, histories and features -> scores, tables, figures -> one page."""

from kedro.pipeline import Pipeline, node

from avsc_kedro.paper import (
    AUDIO_VISUAL_FUSIONS,
    BRANCH_NAMES,
    FEATURE_KINDS,
    SINGLE_MODALITY_ROWS,
)
from avsc_kedro.pipelines.binding import CHOSEN
from avsc_kedro.pipelines.reporting import drawings, nodes, provenance

REPORT = "report"
PAPER_TABLES = "paper_tables"
PICTURES = (
    "confusions",
    "accuracies",
    "branch_curves",
    "fusion_curves",
    "audio_networks",
    "visual_networks",
    "features_by_scene",
    "embedding_map",
)


def create_pipeline() -> Pipeline:
    """Return the report on the fusion that `params:fusion` names and the single modalities."""
    return _report_pipeline(REPORT, (CHOSEN,))


def create_table_pipeline() -> Pipeline:
    """Return the report on all eight rows of the paper's tables."""
    return _report_pipeline(PAPER_TABLES, AUDIO_VISUAL_FUSIONS)


def _report_pipeline(prefix: str, fusions: tuple[str, ...]) -> Pipeline:
    rows = (*fusions, *SINGLE_MODALITY_ROWS)
    template = Pipeline(
        [*_table_nodes(rows), *_score_figures(rows, fusions), *_input_figures(), _page_node()]
    )
    outside = template.inputs()
    parameters = {name for name in outside if name.startswith("params:")}
    return Pipeline(
        template,
        namespace=prefix,
        inputs=outside - parameters,
        parameters=parameters,
        tags=["reporting"],
    )


def _of(names: tuple[str, ...], output: str) -> dict[str, str]:
    """Name the dataset `output` of each branch or row."""
    return {name: f"{name}.{output}" for name in names}


def _table_nodes(rows: tuple[str, ...]) -> list:
    scored = {
        "options": "params:clips",
        "seed": "params:seed",
        "chosen": "params:fusion",
        "clips": "usable_clips",
        "failures": "failed_clips",
        **_of((*rows, *BRANCH_NAMES), "predictions"),
    }
    summaries = {"scores": "scores", **_of(BRANCH_NAMES, "summary")}
    made = {"chosen": "params:fusion", **_of((*BRANCH_NAMES, *rows), "summary")}
    trained = {name: f"params:backbones.{name}" for name in BRANCH_NAMES}
    trained["fusion_layer"] = "params:fusion_layer"
    return [
        node(nodes.score_rows, scored, "scores", name="score_rows"),
        node(nodes.tabulate_fusions, "scores", "table_1", name="tabulate_fusions"),
        node(nodes.tabulate_scores, "scores", "score_table", name="tabulate_scores"),
        node(nodes.compare_systems, "scores", "table_2", name="compare_systems"),
        node(nodes.tabulate_branches, summaries, "branches", name="tabulate_branches"),
        node(nodes.check_findings, summaries, "findings", name="check_findings"),
        node(provenance.list_provenance, made, "provenance", name="list_provenance"),
        node(nodes.list_features, "params:features", "feature_options", name="list_features"),
        node(nodes.list_trainings, trained, "trainings", name="list_trainings"),
    ]


def _score_figures(rows: tuple[str, ...], fusions: tuple[str, ...]) -> list:
    chosen = {"chosen": "params:fusion"}
    confusions = {**chosen, **_of(rows, "predictions")}
    curves = {**chosen, **_of(rows, "history")}
    mapped = {
        **chosen,
        "clips": "usable_clips",
        "seed": "params:seed",
        **_of(fusions, "audio_visual_embedding"),
    }
    branch_curves = _of(BRANCH_NAMES, "history")
    return [
        node(drawings.draw_confusions, confusions, "confusions", name="draw_confusions"),
        node(drawings.draw_accuracies, "scores", "accuracies", name="draw_accuracies"),
        node(
            drawings.draw_branch_curves, branch_curves, "branch_curves", name="draw_branch_curves"
        ),
        node(drawings.draw_fusion_curves, curves, "fusion_curves", name="draw_fusion_curves"),
        node(drawings.draw_embedding_map, mapped, "embedding_map", name="draw_embedding_map"),
    ]


def _input_figures() -> list:
    networks = {
        "inception": "vis_inc.summary",
        "convnext": "vis_conv.summary",
        "inception_weights": "params:backbones.vis_inc.weights",
        "convnext_weights": "params:backbones.vis_conv.weights",
    }
    seen = {
        "options": "params:features",
        "clips": "usable_clips",
        **{kind: f"{kind}_features" for kind in FEATURE_KINDS},
    }
    return [
        node(drawings.draw_audio_networks, "aud_mel.summary", "audio_networks", name="draw_audio"),
        node(drawings.draw_visual_networks, networks, "visual_networks", name="draw_visual"),
        node(drawings.draw_features_by_scene, seen, "features_by_scene", name="draw_scenes"),
    ]


def _page_node():
    tables = (
        "scores",
        "score_table",
        "table_1",
        "table_2",
        "branches",
        "findings",
        "trainings",
        "provenance",
    )
    inputs = {
        **{name: name for name in (*tables, *PICTURES)},
        "feature_options": "feature_options",
        "clip_counts": "clip_counts",
        "failures": "failed_clips",
    }
    return node(nodes.write_page, inputs, "report_page", name="write_page")
