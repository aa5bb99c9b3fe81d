"""Tables against the numbers the paper prints."""

from __future__ import annotations

import numpy as np
import pytest

from avsc_kedro import paper, tables


def summary(accuracy, scenes=paper.SCENES, by_scene=None):
    by_scene = by_scene or dict.fromkeys(scenes, accuracy)
    macro = float(np.mean([v for v in by_scene.values() if v is not None]))
    return {
        "clips": 100,
        "accuracy": accuracy,
        "macro_accuracy": macro,
        "log_loss": 0.12345,
        "scenes": by_scene,
    }


def printed_summary(name):
    *by_scene, _ = paper.TABLE_1[name]
    fractions = {s: v / 100 for s, v in zip(paper.SCENES, by_scene, strict=True)}
    micro = np.average(list(fractions.values()), weights=paper.TAU_EVAL_CLIPS)
    return summary(float(micro), by_scene=fractions)


PRINTED = {name: printed_summary(name) for name in paper.TABLE_1} | {
    "audio_only": summary(0.805, by_scene=dict.fromkeys(paper.SCENES, 0.8)),
    "visual_only": summary(
        0.918, by_scene=dict.fromkeys(paper.SCENES, 0.9) | {"tram": 0.7, "park": 0.7}
    ),
}
SIZES = dict(zip(paper.BRANCH_NAMES, (12_062_000,) * 3 + (23_910_000, 28_620_000), strict=True))
BRANCHES = {name: summary(0.7) for name in paper.BRANCH_NAMES}


def holds(table):
    return dict(zip(table["finding"], table["holds"], strict=True))


def test_table_1_repeats_the_papers_overall_from_its_scenes():
    table = tables.table_1(PRINTED).set_index("Category")
    for name in paper.TABLE_1:
        assert table.loc["Overall", f"{name} (paper)"] == paper.TABLE_1[name][-1]
        assert table.loc["Overall", name] == pytest.approx(paper.TABLE_1[name][-1], abs=0.11)
    assert table.loc["Macro", "f4 (paper)"] == 95.0
    assert table.loc["Metro station", "f4"] == 98.7
    assert list(table.columns[-2:]) == ["audio only (f4)", "visual only (f4)"]


def test_table_1_of_other_scenes_has_no_paper_column():
    table = tables.table_1({"f4": summary(0.5, scenes=("beach", "kitchen"))})
    assert list(table.columns) == ["Category", "f4"]
    assert list(table["Category"]) == ["Beach", "Kitchen", "Overall", "Macro"]


def test_table_1_leaves_a_scene_without_clips_blank_and_refuses_mixed_scenes():
    table = tables.table_1({"f4": summary(1.0, by_scene={"bus": 1.0, "park": None})})
    assert table["f4"].isna().tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match="same scenes"):
        tables.table_1({"f4": summary(0.5), "f5": summary(0.5, scenes=("beach",))})
    with pytest.raises(ValueError, match="at least one"):
        tables.table_1({})


def test_table_2_corrects_the_baseline_and_ends_with_our_row():
    table = tables.table_2((0.8051, None, 0.9534), note="synthetic clips")
    assert list(table["Authors"][:2]) == ["DCASE baseline", "DCASE baseline, 10-second clips"]
    assert list(table["Audio & visual"][:2]) == [77.4, 84.8]
    assert table.iloc[-1, [0, 1, 3, 4]].tolist() == ["This project", 80.5, 95.3, "synthetic clips"]
    assert np.isnan(table["Visual"].iloc[-1])
    assert len(table) == len(paper.TABLE_2) + 2


def test_branch_table_keeps_whole_numbers_and_blanks():
    table = tables.branch_table(BRANCHES, {"aud_mel": 1_160_000})
    assert table["Branch"].tolist()[0] == "Aud-MEL"
    assert table["Log loss"].tolist()[0] == 0.123
    assert table["Trainable parameters"].tolist()[0] == 1_160_000
    assert table["Trainable parameters"].isna().sum() == 4


def test_the_papers_own_numbers_hold_but_for_visual_parameters():
    table = tables.findings(PRINTED, BRANCHES, SIZES, on_tau=True)
    assert holds(table).pop("trainable parameters, visual") == "no"
    assert (table["holds"] == "yes").sum() == len(table) - 1
    gain = table[table["finding"].str.startswith("gain")].iloc[0]
    assert (gain["paper"], gain["ours"]) == ("+17.9", "+17.9")


def test_missing_rows_name_the_command():
    table = tables.findings({"f4": PRINTED["f4"]}, {}, {}, on_tau=False)
    row = table[table["finding"].str.startswith("f4 above f1")].iloc[0]
    assert (row["ours"], row["holds"]) == ("kedro run --pipeline=paper_tables", "not run")
    assert set(table["holds"]) == {"not run", "other data"}


def test_ties_and_losses_are_named():
    rows = {"f1": summary(0.9), "f4": summary(0.9), "f2": summary(0.8), "f5": summary(0.7)}
    found = holds(tables.findings(rows, {}, {}, on_tau=True))
    judged = {title.split(":")[0]: verdict for title, verdict in found.items()}
    assert judged["f4 above f1"] == "tie"
    assert judged["f5 above f2"] == "no"


def test_pictures_behind_in_another_scene_is_a_no():
    rows = dict(PRINTED, visual_only=summary(0.9, by_scene=dict.fromkeys(paper.SCENES, 0.7)))
    found = holds(tables.findings(rows, {}, {}, on_tau=True))
    assert found["pictures above sound in every scene but park and tram"] == "no"


def test_other_scenes_do_not_compare_with_tau():
    rows = {name: summary(0.9, scenes=("beach",)) for name in ("f5", "audio_only", "visual_only")}
    found = holds(tables.findings(rows, {}, {}, on_tau=False))
    assert found["gain over the DCASE baseline (77.4)"] == "other data"
    assert found["pictures above sound in every scene but park and tram"] == "other data"
    assert found["sound and pictures (f5) above sound"] == "tie"
