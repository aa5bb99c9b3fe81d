"""The map's axes are the principal components that scikit-learn finds."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.decomposition

from avsc_kedro import figures, paper
from avsc_kedro.figures.embedding_map import project


def clouds(clips_per_scene=10):
    rng = np.random.default_rng(0)
    scenes = np.repeat(paper.SCENES, clips_per_scene)
    centres = np.repeat(rng.normal(size=(10, 32)), clips_per_scene, axis=0)
    return centres + 0.1 * rng.normal(size=centres.shape), list(scenes)


def test_components_and_variance_agree_with_scikit_learn():
    embeddings, _ = clouds()
    points, explained = project(embeddings)
    oracle = sklearn.decomposition.PCA(2).fit(embeddings)
    np.testing.assert_allclose(np.abs(points), np.abs(oracle.transform(embeddings)), atol=1e-9)
    np.testing.assert_allclose(explained, oracle.explained_variance_ratio_)


def test_map_names_every_scene_and_the_variance():
    embeddings, scenes = clouds()
    axes = figures.draw_embedding_map(embeddings, scenes, seed=0).axes[0]
    assert "% of the variance" in axes.get_xlabel()
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        s.replace("_", " ").capitalize() for s in paper.SCENES
    ]


def test_every_clip_is_drawn_once_and_the_seed_decides_the_picture():
    embeddings, scenes = clouds(clips_per_scene=3)
    first, again = (figures.draw_embedding_map(embeddings, scenes, seed=1) for _ in range(2))
    drawn = np.concatenate([c.get_offsets() for c in first.axes[0].collections])
    assert len(drawn) == len(embeddings)
    assert figures.figure_png(first) == figures.figure_png(again)


def test_embeddings_of_one_value_have_no_second_direction():
    points, explained = project(np.array([[0.0], [1.0], [2.0]]))
    assert points[:, 1].tolist() == [0, 0, 0]
    assert explained.tolist() == [1, 0]
    assert project(np.ones((4, 3)))[1].tolist() == [0, 0]


def test_unusable_embeddings_are_refused():
    with pytest.raises(ValueError, match="finite: False"):
        figures.draw_embedding_map(np.full((4, 2), np.nan), ["bus"] * 4, seed=0)
    with pytest.raises(ValueError, match="one scene per clip, 4"):
        figures.draw_embedding_map(np.eye(4), ["bus"], seed=0)
