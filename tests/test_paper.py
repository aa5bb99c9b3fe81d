"""What the paper prints is internally consistent and what we build has its shapes."""

import numpy as np
import pytest

from avsc_kedro import paper
from avsc_kedro.signal.deltas import stack_deltas


@pytest.mark.parametrize("name", paper.AUDIO_VISUAL_FUSIONS)
def test_table_1_is_a_count_of_evaluation_clips(name):
    # Every cell is k / n for a whole number of clips, and overall is their sum over 3,645.
    *cells, overall = paper.TABLE_1[name]
    hits = [
        round(cell / 100 * clips) for cell, clips in zip(cells, paper.TAU_EVAL_CLIPS, strict=True)
    ]
    printed = [100 * hit / clips for hit, clips in zip(hits, paper.TAU_EVAL_CLIPS, strict=True)]
    assert np.allclose(printed, cells, atol=0.0501)
    # The printed figures are cut or rounded to one digit, so allow either.
    assert abs(100 * sum(hits) / sum(paper.TAU_EVAL_CLIPS) - overall) < 0.1


def test_clip_counts_add_up_to_the_published_totals():
    assert sum(paper.TAU_TRAIN_CLIPS) == 8646
    assert sum(paper.TAU_EVAL_CLIPS) == 3645


def test_meta_classes_cover_every_scene_once():
    members = [scene for scenes in paper.META_CLASSES.values() for scene in scenes]
    assert sorted(members) == sorted(paper.SCENES)


def test_five_branches_and_eight_fusion_rows():
    assert [branch.modality for branch in paper.BRANCHES].count("audio") == 3
    assert [branch.modality for branch in paper.BRANCHES].count("visual") == 2
    assert len(paper.FUSIONS) == 8
    assert {f.embedding for f in paper.FUSIONS if f.name in ("f1", "f2", "f3")} == {"fc1024"}
    assert {f.embedding for f in paper.FUSIONS if f.name in ("f4", "f5", "f6")} == {"fc10"}


def test_deltas_turn_the_one_printed_shape_into_the_other():
    assert stack_deltas(np.zeros(paper.SPECTROGRAM_SHAPE, np.float32)).shape == paper.DELTA_SHAPE
