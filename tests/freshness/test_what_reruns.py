"""What each change makes run again: the table of docs/caching.md, on the real pipelines."""

from __future__ import annotations

import json
import os
import re
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest
from kedro.runner import SequentialRunner, ThreadRunner

from avsc_kedro import features, paper
from avsc_kedro.errors import InputError
from avsc_kedro.extraction import missing
from avsc_kedro.source_code import module, reach
from tests.freshness.graph import ROOT, Laboratory, run_again, write_recording

AUDIO, VISUAL = paper.AUDIO_BRANCHES, paper.VISUAL_BRANCHES


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # In this process: the same tasks without the seconds that a spawned one costs.
        patch.setattr(missing, "open_pool", lambda workers: ThreadPoolExecutor(workers))
        built = Laboratory(tmp_path_factory.mktemp("laboratory"))
        built.record()
        built.run()
        yield built


@pytest.fixture
def lab(laboratory):
    """The laboratory after its first run, all whose versions it still has."""
    laboratory.ran = set()
    yield laboratory
    if laboratory.ran & WITHOUT_VERSIONS:
        laboratory.run()


def branches(*names):
    return {f"{name}.{step}" for name in names for step in ("train", "embed", "predict")}


def rows(*names):
    return {f"{name}.{step}" for name in names for step in ("train", "apply")}


def without_report(ran):
    return {step for step in ran if not step.startswith("report.")}


@contextmanager
def edited(file, old, new):
    """Let a file of the project read as if one text in it were another."""

    def forget():
        for cached in (module.read_module, reach._text, reach._uses):
            cached.cache_clear()

    real = Path.read_text

    def read_text(path, *args, **kwargs):
        text = real(path, *args, **kwargs)
        if not path.as_posix().endswith(f"avsc_kedro/{file}"):
            return text
        assert old in text
        return text.replace(old, new)

    forget()
    Path.read_text = read_text
    try:
        yield
    finally:
        Path.read_text = real
        forget()


STORES = {f"extract_{kind}" for kind in paper.FEATURE_KINDS}
WITHOUT_VERSIONS = {
    "split_clips",
    "count_clips",
    "select_usable_clips",
    *STORES,
}
EXTRACT_SOUND = {"extract_mel", "extract_gam", "extract_cqt"}
ALL_ROWS = rows("fusion", *paper.SINGLE_MODALITY_ROWS)
AFTER_SOUND = branches(*AUDIO) | rows("fusion", "audio_only")
AFTER_PICTURES = branches(*VISUAL) | rows("fusion", "visual_only")
EVERY_NETWORK = AFTER_SOUND | AFTER_PICTURES
OPTIONS = {
    "features__mel__fmin_hz=20.0": {"extract_mel", "select_usable_clips"}
    | branches("aud_mel")
    | rows("fusion", "audio_only"),
    "features__stft__hop_length=256": EXTRACT_SOUND | {"select_usable_clips"} | AFTER_SOUND,
    "features__rgb__size_px=76": {"extract_rgb", "select_usable_clips"} | AFTER_PICTURES,
    "seed=1": EVERY_NETWORK,
    "backbones__vis_inc__head_dropout=0.3": branches("vis_inc") | rows("fusion", "visual_only"),
    "backbones__aud_cqt__training__epochs=2": branches("aud_cqt") | rows("fusion", "audio_only"),
    "fusion_layer__dropout=0.1": ALL_ROWS,
    "fusion='f5'": rows("fusion"),
    "backbones__aud_mel__embedding_batch_size=7": set(),
    "backbones__aud_mel__training__checkpoint_epochs=0": set(),
    "extraction__workers=2": set(),
    "extraction__clips_per_shard=3": set(),
}


@pytest.mark.parametrize("change", OPTIONS)
def test_an_option(lab, change):
    key, _, value = change.partition("=")
    ran = lab.run(**{key: eval(value)})
    assert without_report(ran) == OPTIONS[change]
    assert ("report.write_page" in ran) == bool(OPTIONS[change])


def test_an_option_set_back_takes_what_there_was(lab):
    lab.run()
    lab.run(seed=1)
    assert lab.run() == set()


def test_fusions_do_not_overwrite_each_other_s_record(lab):
    ran = {name: without_report(lab.run(fusion=name)) for name in ("f1", "f2", "f1", "f4")}
    assert ran == {"f1": set(), "f2": rows("fusion"), "f4": set()}


def test_the_eight_rows_share_what_phase_2_made(lab):
    lab.run("phase2", fusion="f5")
    ran = without_report(lab.run("paper_tables"))
    trained = {step for step in ran if step.endswith(".train")}
    assert trained <= {f"{name}.train" for name in ("f1", "f2", "f3", "f6")}
    assert "f6.train" in trained


def test_a_recording(lab):
    sound = lab.table.parent / "bus-0.wav"
    before = sound.read_bytes()
    write_recording(lab.table.parent, "bus", 0, tone_hz=900.0)
    ran = without_report(lab.run())
    sound.write_bytes(before)
    # The pictures are written anew with the same content, which is not another recording.
    assert ran == EXTRACT_SOUND | {"select_usable_clips"} | AFTER_SOUND


def test_a_recording_s_time(lab):
    lab.run()
    for path in lab.table.parent.glob("bus-*"):
        os.utime(path, ns=(1, 1))
    assert lab.run() == set()


def test_another_clip(lab):
    lab.write_table([*lab.rows, write_recording(lab.table.parent, "park", 4)])
    ran = without_report(lab.run())
    lab.write_table(lab.rows)
    ingestion = {"split_clips", "count_clips", "select_usable_clips"}
    assert ran == ingestion | EXTRACT_SOUND | {"extract_rgb"} | EVERY_NETWORK


def test_recordings_that_moved(lab, caplog):
    caplog.set_level("INFO")
    named = {"clips__data_set": "mine"}
    lab.run(**named)
    shutil.copytree(lab.table.parent, lab.folder / "moved")
    caplog.clear()
    ran = lab.run(clips__path=str(lab.folder / "moved" / "clips.csv"), **named)
    assert without_report(ran) == WITHOUT_VERSIONS
    assert caplog.text.count("all 8 clips are up to date, nothing decoded") == 4


CODE = {
    ("models/losses.py", "Kullback-Leibler", "Kullback and Leibler"): set(),
    ("models/losses.py", "import keras\n", "import keras  # a comment\n"): set(),
    ("models/losses.py", "return 0.5 * sum", "return 0.25 * sum"): EVERY_NETWORK,
    ("models/fusion.py", 'initializer="zeros"', 'initializer="ones"'): ALL_ROWS,
    ("progress/plain.py", "started", "begun"): set(),
    ("predictions.py", 'PREFIX = "p_"', 'PREFIX = "P_"'): {
        *(f"{name}.predict" for name in paper.BRANCH_NAMES),
        *(f"{name}.apply" for name in ("fusion", *paper.SINGLE_MODALITY_ROWS)),
    },
}


@pytest.mark.parametrize("change", CODE, ids=lambda change: f"{change[0]}: {change[2]}")
def test_code(lab, change):
    with edited(*change):
        ran = lab.run()
    assert without_report(ran) == CODE[change]


def test_an_extractor_s_version(lab, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(features.EXTRACTOR_VERSIONS, "gam", 99)
        ran = without_report(lab.run())
    expected = {"extract_gam", "select_usable_clips"} | branches("aud_gam")
    assert ran == expected | rows("fusion", "audio_only")


def test_a_forced_step_and_what_follows_it(lab):
    assert without_report(lab.run(force="aud_mel.embed")) == {"aud_mel.embed"}
    assert without_report(lab.run(force="vis_conv")) == branches("vis_conv")
    assert without_report(lab.run(force="extract_mel")) == {"extract_mel"}


def test_a_branch_alone_with_another_runner(lab, monkeypatch):
    monkeypatch.setattr(lab, "runner", ThreadRunner)
    ran = lab.run("phase1", backbones__aud_gam__head_dropout=0.5)
    assert ran == branches("aud_gam")


def test_phase_2_says_when_phase_1_is_out_of_date(lab, caplog):
    lab.run("phase2", seed=2)
    told = [r.message for r in caplog.records if "would run first" in r.message]
    assert len(told) == 1
    assert "options changed: seed 0 -> 2" in told[0]
    assert "kedro run --pipeline=phase1" in told[0]


def test_an_interrupted_network_is_made_and_nothing_else(lab):
    lab.run()
    for stamp in (lab.folder / "data").glob("06_models/*/aud_mel/history.csv/*/stamp.json"):
        stamp.unlink()
    assert lab.run() == {"aud_mel.train"}


def test_a_second_run_at_the_same_time_waits_and_finds_all_done(lab):
    lab.run()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(run_again, lab.folder, fusion_layer__dropout=0.123) for _ in range(2)]
    ran = sorted((without_report(run.result()) for run in runs), key=len)
    assert ran == [set(), ALL_ROWS]


def test_a_named_version_brings_those_of_its_step(lab):
    lab.run()
    summaries = lab.folder / "data" / "06_models" / lab.data_set / "aud_mel" / "summary.json"
    first = min(summaries.glob("2*"))
    lab.run(seed=5)
    named = {"aud_mel.model": first.name}
    read = {}
    lab.run(seed=5, force="aud_mel.embed", load_versions=named, loaded=read)
    assert read["aud_mel.summary"] == json.loads((first / "summary.json").read_text())
    shutil.rmtree(first)
    with pytest.raises(InputError, match=rf"version {first.name} of aud_mel\.summary.*too"):
        lab.run(seed=5, load_versions=named)


def test_a_runner_serves_twice(lab, monkeypatch):
    runner = SequentialRunner()
    monkeypatch.setattr(lab, "runner", lambda: runner)
    lab.run()
    assert lab.run() == set()
    assert "run" not in vars(runner)


def test_a_pipeline_runs_on_stores_that_are_out_of_date(lab, caplog):
    lab.run()
    sound = lab.table.parent / "bus-0.wav"
    before = sound.read_bytes()
    write_recording(lab.table.parent, "bus", 0, tone_hz=700.0)
    assert lab.run("phase2") == set()
    sound.write_bytes(before)
    told = [r.message for r in caplog.records if "would run first" in r.message]
    assert len(told) == 1
    assert "recording changed" in told[0]


def test_each_line_of_the_documented_table_is_a_case_here():
    page = (ROOT / "docs" / "caching.md").read_text(encoding="utf-8")
    here = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    named = re.findall(r"`(test_\w+)`", page)
    assert named
    assert [name for name in named if f"def {name}(" not in here] == []
