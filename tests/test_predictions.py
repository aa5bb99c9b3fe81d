import numpy as np
import pandas as pd
import pytest

from avsc_kedro.errors import InputError
from avsc_kedro.predictions import scene_indices, scene_labels, tabulate_predictions

CLIPS = pd.DataFrame(
    {
        "clip_id": ["c1", "c2", "c3"],
        "scene": ["tram", "bus", "tram"],
        "split": "evaluate",
        "path": "x",
    },
    index=[7, 8, 9],
)


def test_scenes_are_counted_in_the_order_of_the_labels():
    labels = scene_labels(CLIPS)
    assert labels == ["bus", "tram"]
    assert scene_indices(CLIPS, labels).tolist() == [1, 0, 1]
    assert scene_indices(CLIPS, ["tram", "park", "bus"]).tolist() == [0, 2, 0]


def test_a_scene_that_no_label_names_is_refused():
    with pytest.raises(InputError, match=r"among park, tram\. Received 'bus' from clip c2\."):
        scene_indices(CLIPS, ["park", "tram"])


def test_one_row_a_clip_and_one_column_a_scene():
    table = tabulate_predictions(CLIPS, np.array([[0.1, 0.9], [0.6, 0.4], [0, 1]]), ["bus", "tram"])
    assert list(table) == ["clip_id", "scene", "split", "p_bus", "p_tram"]
    assert table["clip_id"].tolist() == ["c1", "c2", "c3"]
    assert table["p_tram"].tolist() == [0.9, 0.4, 1]
