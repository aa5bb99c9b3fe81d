"""Benchmarks at a tiny size: they assert that data are equal themselves, and print every row."""

import contextlib
import functools
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import av
import keras
import pytest
import soundfile
from av.video.frame import PictureType
from keras.src.applications.convnext import ConvNeXt

from avsc_kedro.extraction import missing
from benchmarks import (
    convnext,
    engines,
    extraction,
    feed,
    freed_memory,
    fresh_run,
    store_access,
    tau_like,
)


def cells(table: str) -> list[list[str]]:
    """Cells of each line of a Markdown table below its head."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_store_access_measures_every_way(tmp_path, monkeypatch):
    # Threads in place of processes, which would take seconds to start.
    monkeypatch.setattr(store_access, "_extract_apart", store_access.extract)
    monkeypatch.setattr(missing, "open_pool", ThreadPoolExecutor)
    monkeypatch.setattr(missing, "extract_shard", missing.extract_shard)  # put back at the end
    monkeypatch.setenv("PEAKS", "")
    monkeypatch.setattr(store_access, "RECORDINGS", 1)
    monkeypatch.setattr(store_access, "CLIPS_PER_SMALL_SHARD", 1)
    sizes = store_access.Sizes(spectrograms=3, frames=2, shards=(1, 2), repeats=2, memory_repeats=1)
    lines = store_access.measure(tmp_path, sizes, store_access.PARTS)
    rows = cells(store_access.table(lines))
    measured = [row[1] for row in rows]
    readers = ["FeatureStore", "h5py, contiguous", "h5py, chunks=True"]
    assert measured[:9] == [*readers, *readers, "np.save", "write_shard", "FeatureStore"]
    assert measured[9:] == [*readers * 4, *measured[6:9], "2 shards", "2 shards"]
    assert all(line.ratio > 0 for line in lines)
    assert [row[5] for row in rows] == ["2"] * 8 + ["1"] + ["2"] * 14 + ["1"] * 3


TINY = tau_like.Format(duration_s=1.0, width=320, height=240, bit_rate=500_000)


def tiny_options():
    options = store_access.paper_options()
    audio = options.audio.model_copy(update={"duration_s": TINY.duration_s})
    return options.model_copy(update={"audio": audio})


def test_extraction_measures_every_way(tmp_path, monkeypatch):
    @contextlib.contextmanager
    def threads(processes, bench, pinned=True):
        with ThreadPoolExecutor(processes) as pool:
            yield pool

    monkeypatch.setattr(extraction, "warm_pool", threads)
    clips = tau_like.make_clips(tmp_path / "clips", 2, distinct=1, form=TINY)
    bench = extraction.Bench(clips, tiny_options(), tmp_path)
    tables = extraction.measure(bench, processes=2, repeats=1)
    for part, ways in (("sound", 2), ("video", 5), ("all", 2)):
        for processes in (1, 2):
            lines = [x for x in tables["speed"] if (x["part"], x["processes"]) == (part, processes)]
            assert len(lines) == ways + ((part, processes) == ("all", 1))
            assert all(line["ratio"] > 0 for line in lines)
    steps = tables["steps of a clip, 1 process"]
    assert [row["kind"] for row in steps] == ["mel", "gam", "cqt", "rgb"]
    for row in steps:
        shares = [row[f"{step}_share"] for step in ("decode", "transform", "write")]
        assert math.isclose(sum(shares), 1)
    assert 0 < tables["one decoding of sound"][0]["saved_of_all"] < 1
    assert len(cells(extraction.table(tables["speed"]))) == len(tables["speed"])
    assert list(tmp_path.iterdir()) == [tmp_path / "clips"]


def test_clips_are_like_the_real_ones(tmp_path):
    first, copied = tau_like.make_clips(tmp_path / "clips", 2, distinct=1, form=TINY)
    assert copied.video.read_bytes() == first.video.read_bytes()
    sound = soundfile.info(first.sound)
    assert (sound.samplerate, sound.channels, sound.subtype) == (48_000, 2, "PCM_24")
    assert sound.duration == TINY.duration_s
    with av.open(str(first.video)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec.name == "h264"
    assert len(frames) == 30
    assert (frames[0].width, frames[0].height) == (320, 240)
    assert PictureType.B in {frame.pict_type for frame in frames}


def test_a_fresh_run_is_timed_and_runs_nothing(tmp_path):
    project = fresh_run.make_up(tmp_path, clips=40)
    timing = fresh_run.time_fresh_run(project, rounds=1)
    assert timing.clips == 40
    (row,) = cells(fresh_run.table({"made up": timing}))
    assert row[:3] == ["made up", "40", str(timing.steps)]
    assert timing.steps > 40


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("clips: up to date\n", "skipped"),
        ("clips: up to date\nsplits: up to date\n", "done"),
    ],
)
def test_a_run_that_did_something_is_not_a_fresh_one(said, state):
    manifest = {"steps": [{"step": name, "state": state} for name in ("clips", "splits")]}
    with pytest.raises(RuntimeError, match="Expected each of 2 steps up to date"):
        fresh_run.require_up_to_date(said, manifest)


def test_a_round_begins_with_each_way_in_turn():
    called = []
    ways = {name: lambda name=name: called.append(name) or len(called) for name in "abc"}
    assert store_access.take_turns(ways, 2) == {"a": [1, 6], "b": [2, 4], "c": [3, 5]}
    assert called == list("abcbca")


def test_a_ratio_is_the_median_of_the_rounds():
    found = {"mine": [2.0, 30.0, 8.0], "its": [1.0, 10.0, 2.0]}
    (line,) = store_access.compare("reading", found, against="its", unit="{} s".format)
    assert line == ("reading", "mine", "its", "2.0 s", 3.0, 3)


def test_convnext_is_compared_with_the_stock_network(monkeypatch):
    """With one block a stage: tracing all eighteen takes a minute."""
    small = functools.partial(
        ConvNeXt,
        depths=[1, 1, 1, 1],
        projection_dims=[8, 16, 32, 768],
        name="convnext_tiny",
    )
    monkeypatch.setattr(keras.applications, "ConvNeXtTiny", small)
    lines = convnext.measure(32, images=1, train_images=1, repeats=1)
    inference, bound, training = (line.what for line in lines)
    assert (inference, training) == ("inference", "training step")
    assert bound.startswith("inference, if nothing but the Dense layers' products")
    assert all(line.ratio > 0 for line in lines)
    assert len(cells(convnext.table(lines))) == 3


def test_kept_memory_is_compared_in_turns(monkeypatch):
    taken = iter([30.0, 10.0, 8.0, 4.0, 20.0, 8.0])
    called = []

    def train(name, way, **sizes):
        called.append((name, way, sizes))
        return next(taken)

    monkeypatch.setattr(freed_memory, "train_in_a_process", train)
    lines = freed_memory.measure(["net"], steps=2, batch=3, repeats=3)
    assert called == [("net", way, {"steps": 2, "batch": 3}) for way in ("give", "keep")] * 3
    assert lines == [("net", 20.0, 8.0, 2.5)]
    assert len(cells(freed_memory.table(lines))) == 1


def test_an_engine_is_compared_with_keras_and_one_that_is_not_there_left_out(monkeypatch, capsys):
    def absent(model):
        raise ImportError("no such package")

    def wrong(model):
        return lambda batch: {k: 1.5 * v for k, v in model.predict_on_batch(batch).items()}

    monkeypatch.setattr(
        engines, "ENGINES", {"same": engines.start_keras, "wrong": wrong, "absent": absent}
    )
    inputs = keras.Input((2, 3, 1))
    base = keras.Model(inputs, keras.layers.Flatten()(inputs))
    same, other = engines.measure("tiny", base, batch=2, repeats=1)
    assert (same.engine, same.difference) == ("same", 0)
    assert other.difference == pytest.approx(0.5)
    assert same.ratio > 0
    assert "without absent: ImportError" in capsys.readouterr().err
    assert len(cells(engines.table([same, other]))) == 2


def test_the_feed_is_measured_alone_and_under_training(tmp_path, monkeypatch):
    def tiny(branch, options, shape):
        inputs = keras.Input(shape)
        x = keras.layers.GlobalAveragePooling2D()(inputs)
        return keras.Model(inputs, keras.layers.Dense(feed.CLASSES, activation="softmax")(x))

    monkeypatch.setattr(feed, "build", tiny)
    sizes = feed.Sizes(spectrograms=5, frame_clips=2, batch_size=4, steps=4, repeats=2)
    sizes = sizes._replace(steps_per_turn=2)
    assert sizes.turns == 4
    alone = feed.measure_alone(tmp_path / "alone", sizes)
    trained = feed.measure_training(tmp_path / "base", sizes, feed.BRANCHES[2:])
    assert [line.what for line in alone] == ["spectrograms", "frames"]
    assert [line.what for line in trained] == ["Aud-CQT", "Vis-INC", "Vis-CONV"]
    assert all(number > 0 for line in (*alone, *trained) for number in line[1:])
    assert len(cells(feed.alone_table(alone))) == 2
    assert len(cells(feed.training_table(trained))) == 3
