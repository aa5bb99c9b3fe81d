"""The five backbones of Phase I, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from avsc_kedro import paper


def branch_table(
    branches: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, int]
) -> pd.DataFrame:
    """Return scores and size of each branch alone.

    Args:
        branches: Summaries by branch, such as aud_mel.
        parameters: Trainable parameters by branch; one not given is left blank.

    Returns:
        Branch, Accuracy (%), Macro (%), Log loss, Trainable parameters. The paper
        prints none of these scores.
    """
    table = {
        "Branch": [paper.BRANCH_TITLES.get(name, name) for name in branches],
        "Accuracy (%)": [round(100 * s["accuracy"], 1) for s in branches.values()],
        "Macro (%)": [round(100 * s["macro_accuracy"], 1) for s in branches.values()],
        "Log loss": [round(s["log_loss"], 3) for s in branches.values()],
        "Trainable parameters": pd.array([parameters.get(n) for n in branches], dtype="Int64"),
    }
    return pd.DataFrame(table)
