"""Exactly what depends on a change runs again."""

import json
import os
import shutil

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline, node

from avsc_kedro.errors import InputError
from avsc_kedro.freshness import outputs
from avsc_kedro.freshness.plan import ALWAYS, NEVER_RAN, Plan

ALL = ["add", "half", "show", "both"]


def test_everything_runs_once_and_then_nothing(workshop):
    assert workshop.why() == dict.fromkeys(ALL, NEVER_RAN)
    assert workshop.run() == ALL
    assert workshop.run() == []
    assert workshop.load("pair") == [11, "half: 5"]


def test_an_option_reruns_what_depends_on_it(workshop):
    workshop.run()
    workshop.parameters["title"] = "a half"
    assert workshop.why() == {"show": 'options changed: title "half" -> "a half"'}
    assert workshop.run() == ["show", "both"]
    assert workshop.run() == []


def test_what_gets_the_same_input_after_all_does_not_run(workshop):
    workshop.run()
    workshop.parameters["step"] = 0  # 10 // 2 is 11 // 2
    assert workshop.run() == ["add", "half", "both"]
    assert workshop.load("pair") == [10, "half: 5"]
    assert workshop.run() == []


def test_an_input_s_content_counts_and_not_its_time(workshop):
    workshop.run()
    source = workshop.folder / "source.json"
    source.touch()
    assert workshop.run() == []
    source.write_text("20")
    assert workshop.why() == {"add": "inputs changed: " + "/".join(source.parts[-2:])}
    assert workshop.run() == ALL


def test_an_output_altered_by_hand_is_made_anew(workshop):
    workshop.run()
    (workshop.folder / "number.json").write_text("99")
    assert "no longer as it was made" in workshop.why()["add"]
    assert workshop.run() == ["add"]  # the same number as before, so nothing else
    assert workshop.load("number") == 11


def test_an_output_that_is_gone_is_made_anew(workshop):
    workshop.run()
    (workshop.folder / "number.json").unlink()
    assert workshop.why() == {"add": NEVER_RAN}
    assert workshop.run() == ["add"]


def test_a_step_interrupted_before_its_stamp_runs_again(workshop):
    workshop.run()
    workshop.parameters["title"] = "other"
    workshop.run()
    stamps = sorted(workshop.folder.glob("shown.json/*/stamp.json"))
    assert len(stamps) == 2
    stamps[-1].unlink()
    assert "nothing tells that" in workshop.why()["show"]
    assert workshop.run() == ["show"]


def test_a_damaged_stamp_is_no_stamp(workshop):
    workshop.run()
    (workshop.folder / "number.json.stamp.json").write_text("{")
    assert set(workshop.why()) == {"add"}


def test_a_forced_step_runs_and_what_follows_if_it_made_something_else(workshop):
    workshop.run()
    assert workshop.run(forced=["half"]) == ["half"]
    data = json.loads((workshop.folder / "number.json.stamp.json").read_text())
    assert data["step"] == "add"


def test_an_interrupted_run_goes_on_where_it_stopped(workshop):
    whole = workshop.pipeline
    workshop.pipeline = whole.only_nodes("add", "half")
    workshop.run()
    workshop.pipeline = whole
    assert workshop.run() == ["show", "both"]
    assert workshop.run() == []


def test_a_version_that_the_user_names_stands_as_it_is(workshop):
    workshop.run()
    workshop.parameters["title"] = "second"
    workshop.run()
    first = sorted(workshop.folder.glob("shown.json/*"))[0].name
    workshop.runs += 1
    found = workshop.plan(workshop.catalog(shown=first)).look()
    assert [step.name for step in found.stale] == ["both"]  # what follows sees another input


def test_a_version_that_is_not_there_is_refused(workshop):
    workshop.run()
    with pytest.raises(InputError, match=r"version 1999 of shown\. There are: run-001"):
        workshop.plan(workshop.catalog(shown="1999")).look()


def test_what_is_kept_in_memory_is_made_each_time():
    pipeline = Pipeline([node(lambda: 1, None, "number", name="make")])
    found = Plan(pipeline, DataCatalog({"number": MemoryDataset()}), {}.get).look()
    assert list(found.stale.values()) == ["what it makes is kept in memory only"]


def test_a_step_so_tagged_runs_always(workshop):
    workshop.pipeline = Pipeline(
        [*workshop.pipeline.nodes[:3], workshop.pipeline.nodes[3].tag(ALWAYS)]
    )
    workshop.run()
    assert workshop.run() == ["both"]


@pytest.mark.parametrize(("change", "other"), [("step", 5), ("title", "five")])
def test_what_an_earlier_run_made_the_same_way_is_taken_again(workshop, change, other):
    workshop.run()
    before = workshop.parameters[change]
    workshop.parameters[change] = other
    workshop.run()
    workshop.parameters[change] = before
    # Files without versions hold one content at a time; versioned ones all of them.
    assert workshop.run() == (["add", "both"] if change == "step" else ["both"])
    assert workshop.load("pair") == [11, "half: 5"]
    assert workshop.load("shown") == "half: 5"
    assert workshop.run() == []


def test_a_recalled_version_is_whole_or_is_made_anew(workshop):
    workshop.run()
    workshop.parameters["title"] = "five"
    workshop.run()
    sorted(workshop.folder.glob("shown.json/*/shown.json"))[0].unlink()
    workshop.parameters["title"] = "half"
    assert workshop.run() == ["show", "both"]


def test_a_damaged_older_version_is_not_recalled(workshop):
    workshop.run()
    workshop.parameters["title"] = "five"
    workshop.run()
    sorted(workshop.folder.glob("shown.json/*/shown.json"))[0].write_text('"other"')
    workshop.parameters["title"] = "half"
    assert workshop.run() == ["show", "both"]
    assert workshop.load("shown") == "half: 5"


def test_outputs_of_two_runs_are_no_whole(workshop):
    """A forced step was killed when it had saved the first of its two outputs."""
    two = node(lambda source: (source, source), "source", ["halved", "shown"], name="two")
    workshop.pipeline = Pipeline([two])
    workshop.run()
    workshop.run(forced=["two"])
    newest = {name: max(workshop.folder.glob(f"{name}.json/*")) for name in ("halved", "shown")}
    shutil.rmtree(newest["shown"])
    assert workshop.why() == {"two": "its outputs are of two runs"}
    assert workshop.run() == []  # the older run's outputs are whole, and are taken again
    assert workshop.why() == {}


def test_what_is_read_and_cannot_be_compared_counts_as_changed(workshop):
    workshop.run()
    catalog = workshop.catalog()
    catalog["number"] = MemoryDataset()
    found = workshop.plan(catalog).look()
    reasons = {step.name: reason for step, reason in found.stale.items()}
    assert reasons["half"] == "what it reads, number, cannot be compared"


@pytest.mark.parametrize("key", ["output", "record", "seconds"])
def test_a_stamp_of_another_shape_is_no_stamp(workshop, key):
    workshop.run()
    stamp = workshop.folder / "number.json.stamp.json"
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {key: None}))
    assert set(workshop.why()) == {"add"}


def test_a_copy_without_times_is_read_once(workshop, monkeypatch):
    workshop.run()
    for path in workshop.folder.glob("**/*.json"):
        os.utime(path, ns=(1, 1))
    read = []
    real = outputs.digest_file
    monkeypatch.setattr(outputs, "digest_file", lambda path: read.append(path) or real(path))
    assert workshop.why() == {}
    assert read
    read.clear()
    assert workshop.why() == {}
    assert [path.name for path in read if path.name != "source.json"] == []
