"""What is kept of a step, and what a reason says of a change."""

from functools import partial

import pytest
from kedro.pipeline import node

from avsc_kedro.freshness.record import Record, describe_change, step_options
from avsc_kedro.options import MixupOptions


def double(table, options, seed, row):
    return table


NODE = node(
    partial(double, row="f4"), ["table", "params:mixup", "params:seed"], "doubled", name="double"
)
VALUES = {"mixup": MixupOptions(distribution="beta"), "seed": 3}
RECORD = Record(
    {"a": "1", "b": "2"}, {"mixup": {"alpha": 0.2}, "seed": 3}, [["x", "9"], ["y", "8"]]
)


def test_options_are_parameters_by_name_with_defaults_and_what_is_bound():
    assert step_options(NODE, VALUES.__getitem__, None) == {
        "row": "f4",
        "mixup": {"distribution": "beta", "alpha": 0.2, "different_scenes": False},
        "seed": 3,
    }


def test_an_output_s_own_options_stand_in_for_parameters():
    assert step_options(NODE, VALUES.__getitem__, {"hop": 4}) == {"row": "f4", "hop": 4}


def test_an_option_that_names_a_file_counts_by_its_content(tmp_path):
    def told(path):
        return step_options(NODE, {"mixup": {"weights": str(path)}, "seed": 0}.get, None)["mixup"]

    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my.h5").write_bytes(content)
    assert told(tmp_path / "a" / "my.h5") == told(tmp_path / "b" / "my.h5")
    assert told(tmp_path / "a" / "my.h5") != told(tmp_path / "c" / "my.h5")
    assert told(tmp_path / "none.h5") == {"weights": str(tmp_path / "none.h5")}


def test_what_only_changes_the_time_it_takes_does_not_count():
    told = {"mixup": {"embedding_batch_size": 3, "training": {"checkpoint_epochs": 1}}, "seed": 0}
    assert step_options(NODE, told.get, None)["mixup"] == {"training": {}}


def test_nothing_changed():
    assert describe_change(RECORD, RECORD) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"options": {"mixup": {"alpha": 0.5}, "seed": 3}},
            "options changed: mixup.alpha 0.2 -> 0.5",
        ),
        ({"options": {"mixup": {"alpha": 0.2}}}, "options changed: seed 3 -> (none)"),
        ({"code": {"a": "1", "b": "3"}}, "code changed: b"),
        ({"code": {"a": "1"}}, "code changed: b"),
        ({"inputs": [["x", "9"], ["y", "7"]]}, "inputs changed: y"),
        ({"inputs": [["y", "8"], ["x", "9"]]}, "inputs changed: their order"),
        ({"inputs": [["x", "9"], ["y", None]]}, "inputs changed: y"),
    ],
)
def test_each_kind_of_change_is_named(change, reason):
    assert describe_change(RECORD, RECORD._replace(**change)) == reason


def test_several_changes_are_told_shortly():
    new = Record({"a": "2", "b": "2"}, {str(n): n for n in range(5)}, RECORD.inputs)
    reason = describe_change(RECORD, new)
    assert "and 4 more" in reason
    assert reason.endswith("; code changed: a")


def test_inputs_that_other_steps_will_make_anew_do_not_count_yet():
    new = RECORD._replace(inputs=[["x", "9"], ["y", "7"]])
    assert describe_change(RECORD, new, ignoring={"y"}) is None
