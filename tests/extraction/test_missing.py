import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from avsc_kedro import signal
from avsc_kedro.errors import InputError
from avsc_kedro.extraction import PlannedClip, extract_missing, missing, shard_task
from avsc_kedro.extraction.attempts import Attempts
from avsc_kedro.extraction.same_maker import maker
from avsc_kedro.extraction.shard_task import Part, ShardTask, extract_shard
from avsc_kedro.features import clip_features, make_recipe
from avsc_kedro.media.audio import read_audio
from avsc_kedro.media.encoding import write_mp4, write_wav
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.paper import SOUND_KINDS
from avsc_kedro.stores import FeatureStore, StoreError
from avsc_kedro.stores.index import Index

OPTIONS = FeaturesOptions(
    audio={"sample_rate_hz": 8000, "duration_s": 1.0},
    stft={"n_fft": 512, "window_length": 320, "hop_length": 512, "floor_power": 1e-20},
    mel={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    gam={"bands": 8, "fmin_hz": 10.0, "fmax_hz": 4000.0},
    cqt={"bands": 8, "fmin_hz": 500.0, "bins_per_octave": 4},
    rgb={"frames_per_second": 2.0, "size_px": 32},
)
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}


@pytest.fixture
def clips(tmp_path):
    """Three one-second clips: {kind: [PlannedClip]}; one tone and one colour each."""
    time_s = np.arange(8000) / 8000
    planned = {"mel": [], "rgb": []}
    for index, (name, colour) in enumerate(COLOURS.items(), start=1):
        tone = 0.3 * np.sin(2 * np.pi * 500 * index * time_s)
        sound, video = tmp_path / f"{name}.wav", tmp_path / f"{name}.mp4"
        write_wav(sound, np.stack([tone, 0.5 * tone]), sample_rate_hz=8000)
        write_mp4(video, [np.full((48, 64, 3), colour, np.uint8)] * 8, frame_rate_fps=8)
        planned["mel"].append(PlannedClip(name, str(sound)))
        planned["rgb"].append(PlannedClip(name, str(video)))
    return planned


@pytest.fixture
def in_threads(monkeypatch):
    """Work in this process: the same tasks without the seconds a spawned one costs."""

    @contextmanager
    def open_threads(workers):
        with ThreadPoolExecutor(workers) as pool:
            yield pool

    monkeypatch.setattr(missing, "open_pool", open_threads)


def new_store(folder, kind="mel", options=OPTIONS):
    return FeatureStore(folder / "features" / kind, make_recipe(kind, options))


def limits(**numbers):
    return ExtractionOptions(**{"workers": 1, "clips_per_shard": 2, **numbers})


def shard_of(store, clips):
    """The task that makes one shard of these clips."""
    attempts = Attempts.of(store.folder, [clip.clip_id for clip in clips], limit_s=60)
    return ShardTask(clips, [Part(store.shards, store.recipe, Index(""))], attempts, maker())


def shard_times(store):
    return {path.name: path.stat().st_mtime_ns for path in store.shards.iterdir()}


def test_spectrograms_over_a_pool_of_processes_then_nothing_more(tmp_path, clips, caplog):
    store = new_store(tmp_path)
    done = extract_missing(store, clips["mel"], limits())
    assert len(done.rows) == 3
    assert not done.failures
    assert len(list(store.shards.iterdir())) == 2

    again = new_store(tmp_path).open()
    assert again.clip_ids == list(COLOURS)
    assert again.shape == (3, 8, 15, 2)
    for clip in clips["mel"]:
        waveform = read_audio(clip.path, sample_rate_hz=8000, duration_s=1.0)
        expected = signal.spectrogram("mel", waveform, OPTIONS.recipe("mel"))
        np.testing.assert_allclose(again[clip.clip_id], expected, rtol=1e-5)
    left, right = np.moveaxis(again["red"], -1, 0)
    assert left.max() - right.max() == pytest.approx(20 * np.log10(2), abs=1e-3)

    before = shard_times(store)
    with caplog.at_level(logging.INFO, logger="avsc_kedro"):
        assert extract_missing(new_store(tmp_path), clips["mel"], limits()) == ([], [])
    assert "mel: all 3 clips are up to date, nothing decoded" in caplog.text
    assert shard_times(store) == before


def test_frames_keep_their_colours(tmp_path, clips, in_threads):
    store = new_store(tmp_path, "rgb")
    extract_missing(store, clips["rgb"], limits())
    assert store.shape == (3, 2, 32, 32, 3)
    for name, colour in COLOURS.items():
        assert store[name].dtype == np.uint8
        np.testing.assert_allclose(store[name].mean(axis=(0, 1, 2)), colour, atol=6)


def test_a_second_call_decodes_nothing(tmp_path, clips, in_threads, monkeypatch):
    extract_missing(new_store(tmp_path), clips["mel"], limits())
    monkeypatch.setattr(shard_task, "clip_features", None)
    done = extract_missing(new_store(tmp_path), clips["mel"], limits())
    assert (done.rows, done.failures) == ([], [])


def test_a_new_clip_and_a_replaced_one_are_all_that_is_decoded(
    tmp_path, clips, in_threads, monkeypatch
):
    extract_missing(new_store(tmp_path), clips["mel"][:2], limits())
    decoded = []

    def spy(recipes, path):
        decoded.append(path)
        return clip_features(recipes, path)

    monkeypatch.setattr(shard_task, "clip_features", spy)
    red, green, blue = clips["mel"]
    write_wav(green.path, np.full((2, 8000), 0.1), sample_rate_hz=8000)
    store = new_store(tmp_path)
    extract_missing(store, [blue, red, green], limits())
    assert sorted(decoded) == sorted([green.path, blue.path])
    assert store.clip_ids == ["blue", "red", "green"]
    np.testing.assert_array_equal(
        store["green"], clip_features({"mel": OPTIONS.recipe("mel")}, green.path)["mel"]
    )


def test_shards_of_an_interrupted_run_are_taken_over(tmp_path, clips, in_threads, monkeypatch):
    real = missing.extract_shard

    def stop_at_blue(task):
        if any(clip.clip_id == "blue" for clip in task.clips):
            raise KeyboardInterrupt
        return real(task)

    monkeypatch.setattr(missing, "extract_shard", stop_at_blue)
    with pytest.raises(KeyboardInterrupt):
        extract_missing(new_store(tmp_path), clips["mel"], limits())
    assert not new_store(tmp_path).is_sealed()
    monkeypatch.setattr(missing, "extract_shard", real)
    done = extract_missing(new_store(tmp_path), clips["mel"], limits())
    assert [row.clip_id for row in done.rows] == ["blue"]
    assert new_store(tmp_path).open().clip_ids == list(COLOURS)


def test_a_file_that_cannot_be_decoded_is_a_failure_and_the_rest_goes_on(
    tmp_path, clips, in_threads, caplog
):
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(b"no sound at all" * 50)
    planned = [PlannedClip("garbage", str(garbage)), *clips["mel"]]
    store = new_store(tmp_path)
    extract_missing(store, planned, limits(max_failed_fraction=0.25))
    assert store.clip_ids == list(COLOURS)
    [failure] = new_store(tmp_path).open().failures
    assert failure.clip_id == "garbage"
    assert str(garbage) in failure.reason
    assert "mel: 1 of 4 clips could not be decoded" in caplog.text

    before = shard_times(store)
    again = extract_missing(new_store(tmp_path), planned, limits(max_failed_fraction=0.25))
    assert again == ([], [])
    assert shard_times(store) == before


def test_too_many_failures_are_an_error_after_sealing(tmp_path, clips, in_threads):
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(b"no sound at all" * 50)
    planned = [*clips["mel"], PlannedClip("garbage", str(garbage))]
    with pytest.raises(InputError, match=r"1 of 4 clips.*\n.*garbage.*\n.*max_failed_fraction"):
        extract_missing(new_store(tmp_path), planned, limits(max_failed_fraction=0.2))
    assert new_store(tmp_path).open().clip_ids == list(COLOURS)

    extract_missing(new_store(tmp_path), clips["mel"], limits(max_failed_fraction=0.2))
    assert new_store(tmp_path).open().failures == []


def test_a_missing_file_is_a_failure_that_is_tried_again(tmp_path, clips, in_threads):
    absent = PlannedClip("absent", str(tmp_path / "absent.wav"))
    planned = [absent, *clips["mel"]]
    store = new_store(tmp_path)
    extract_missing(store, planned, limits(max_failed_fraction=0.25))
    assert store.clip_ids == list(COLOURS)
    [failure] = new_store(tmp_path).open().failures
    assert failure.source == (absent.path, -1, 0, 0, "")
    assert "No such file" in failure.reason
    assert f"{absent.path}. Put it back" in failure.reason
    assert extract_missing(new_store(tmp_path), planned, limits(max_failed_fraction=0.25)) == (
        [],
        [],
    )  # nothing to try as long as it is not there
    assert new_store(tmp_path).why_outdated() is None

    time_s = np.arange(8000) / 8000
    write_wav(absent.path, np.sin([time_s, time_s]), sample_rate_hz=8000)
    assert "1 recording changed" in new_store(tmp_path).why_outdated()
    again = new_store(tmp_path)
    done = extract_missing(again, planned, limits())
    assert [row.clip_id for row in done.rows] == ["absent", "red"]  # one shard
    assert again.failures == []


def test_a_worker_that_dies_is_said_with_the_keys_to_lower(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(missing, "extract_shard", die)
    expected = r"died while extracting mel features; .*extraction\.workers or .*clips_per_shard"
    with pytest.raises(InputError, match=expected):
        extract_missing(new_store(tmp_path), clips["mel"], limits())


def die(task):
    os._exit(1)


def test_a_changed_option_makes_a_store_beside_the_old_one(tmp_path, clips, in_threads):
    extract_missing(new_store(tmp_path), clips["mel"], limits())
    other = OPTIONS.model_copy(update={"mel": OPTIONS.mel.model_copy(update={"bands": 6})})
    extract_missing(new_store(tmp_path, options=other), clips["mel"], limits())
    assert len(list((tmp_path / "features" / "mel").iterdir())) == 2
    assert new_store(tmp_path).open().shape == (3, 8, 15, 2)
    assert new_store(tmp_path, options=other).open().shape == (3, 6, 15, 2)


def test_a_link_out_of_the_data_root_is_the_recording_it_leads_to(tmp_path, clips, in_threads):
    red, green, _ = clips["mel"]
    link = tmp_path / "data" / "a 'linked' tram.wav"
    link.parent.mkdir()
    link.symlink_to(red.path)
    planned, store = [PlannedClip("tram", str(link))], new_store(tmp_path / "data")
    extract_missing(store, planned, limits())
    expected = clip_features({"mel": OPTIONS.recipe("mel")}, red.path)["mel"]
    np.testing.assert_array_equal(store["tram"], expected)

    link.unlink()
    link.symlink_to(green.path)
    assert "1 recording changed" in new_store(tmp_path / "data").why_outdated()
    extract_missing(new_store(tmp_path / "data"), planned, limits())
    expected = clip_features({"mel": OPTIONS.recipe("mel")}, green.path)["mel"]
    np.testing.assert_array_equal(new_store(tmp_path / "data").open()["tram"], expected)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_recording_and_nobody_waits_for_it(tmp_path, clips, in_threads):
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    planned, lax = [PlannedClip("pipe", str(pipe)), *clips["mel"]], limits(max_failed_fraction=1)
    for _ in range(2):
        extract_missing(new_store(tmp_path), planned, lax)
        [failure] = new_store(tmp_path).open().failures
        assert failure.received == "'Not a regular file'"


def sound_stores(folder):
    return [new_store(folder, kind) for kind in SOUND_KINDS]


def test_stores_beside_are_filled_from_one_decoding(
    tmp_path, clips, in_threads, monkeypatch, caplog
):
    decoded = []

    def spy(recipes, path):
        decoded.append((Path(path).stem, tuple(recipes)))
        return clip_features(recipes, path)

    for kind in SOUND_KINDS:
        extract_missing(new_store(tmp_path / "apart", kind), clips["mel"], limits())
    monkeypatch.setattr(shard_task, "clip_features", spy)
    mel, gam, cqt = sound_stores(tmp_path)
    done = extract_missing(mel, clips["mel"], limits(), beside=[gam, cqt])
    assert sorted(decoded) == [(name, SOUND_KINDS) for name in sorted(COLOURS)]
    assert [row.shard for row in done.rows] == [row.shard for row in map(mel.row, COLOURS)]
    for store, apart in zip((mel, gam, cqt), sound_stores(tmp_path / "apart"), strict=True):
        assert store.open().content_digest == apart.open().content_digest

    decoded.clear()
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="avsc_kedro"):
        extract_missing(gam, clips["mel"], limits(), beside=[mel, cqt])
    assert decoded == []
    assert caplog.messages == ["gam: all 3 clips are up to date, nothing decoded"]


def test_only_what_each_store_lacks_is_made(tmp_path, clips, in_threads, monkeypatch):
    made = []

    def spy(recipes, path):
        made.append((Path(path).stem, tuple(recipes)))
        return clip_features(recipes, path)

    mel, gam, cqt = sound_stores(tmp_path)
    extract_missing(gam, clips["mel"][:1], limits())
    extract_missing(cqt, clips["mel"], limits())
    monkeypatch.setattr(shard_task, "clip_features", spy)
    extract_missing(mel, clips["mel"], limits(), anew=True, beside=[gam, cqt])
    # GAM's new clips lie in a shard of their own.
    assert sorted(made) == [
        *(("blue", (kind,)) for kind in ("gam", "mel")),
        *(("green", (kind,)) for kind in ("gam", "mel")),
        ("red", ("mel",)),
    ]
    for store in sound_stores(tmp_path):
        assert store.open().clip_ids == list(COLOURS)
    made.clear()
    extract_missing(mel, clips["mel"], limits(), anew=True, beside=[gam, cqt])
    assert sorted(made) == [(name, ("mel",)) for name in sorted(COLOURS)]


def test_a_damaged_store_beside_is_left_to_its_own_step(tmp_path, clips, in_threads, caplog):
    mel, gam, cqt = sound_stores(tmp_path)
    extract_missing(gam, clips["mel"], limits())
    (gam.folder / "index.json").write_text('{"digest"')
    extract_missing(mel, clips["mel"], limits(), beside=[gam, cqt])
    assert "gam is not filled along" in caplog.text
    assert mel.clip_ids == cqt.open().clip_ids == list(COLOURS)
    with pytest.raises(StoreError, match="kedro stores repair"):
        extract_missing(gam, clips["mel"], limits(), beside=[mel, cqt])


def test_a_recording_that_fails_fails_in_every_store(tmp_path, clips, in_threads):
    garbage = tmp_path / "garbage.wav"
    garbage.write_bytes(b"no sound at all" * 50)
    planned = [*clips["mel"], PlannedClip("garbage", str(garbage))]
    mel, *beside = sound_stores(tmp_path)
    extract_missing(mel, planned, limits(max_failed_fraction=1), beside=beside)
    for store in sound_stores(tmp_path):
        [failure] = store.open().failures
        assert failure.clip_id == "garbage"
        assert failure.expected == "a readable media file"
        assert failure.received
        assert failure.remedy


def test_how_work_is_cut_does_not_change_what_comes_out(tmp_path, clips, in_threads):
    stores = [new_store(tmp_path / str(size)) for size in (1, 3)]
    for store, size in zip(stores, (1, 3), strict=True):
        extract_missing(store, clips["mel"], limits(clips_per_shard=size, workers=2))
    assert stores[0].recipe == stores[1].recipe
    np.testing.assert_array_equal(np.stack(list(stores[0])), np.stack(list(stores[1])))


def test_no_task_holds_more_than_a_shard(tmp_path, clips, in_threads, monkeypatch):
    sizes = []

    def spy(task):
        sizes.append(len(task.clips))
        return extract_shard(task)

    monkeypatch.setattr(missing, "extract_shard", spy)
    planned = [PlannedClip(f"{i}", clips["mel"][0].path) for i in range(7)]
    extract_missing(new_store(tmp_path), planned, limits(clips_per_shard=3))
    assert sorted(sizes) == [1, 3, 3]


def test_features_of_another_shape_are_a_failure(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(shard_task, "clip_features", lambda *_: {"mel": np.zeros((8, 14, 2), "f4")})
    store = new_store(tmp_path)
    store.folder.mkdir(parents=True)
    [shard] = extract_shard(shard_of(store, clips["mel"]))
    assert (shard.name, shard.rows) == (None, [])
    expected = "Expected features of shape (8, 15, 2). Received (8, 14, 2) from "
    assert expected in shard.failures[0].reason
    assert not store.shards.exists()


PEAKS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from avsc_kedro.extraction import PlannedClip, extract_missing, missing
from avsc_kedro.features import make_recipe
from avsc_kedro.options import ExtractionOptions, FeaturesOptions
from avsc_kedro.stores import FeatureStore, StoreError

def peak_bytes():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

options, video, folder = FeaturesOptions(**json.loads(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
recipe = make_recipe("rgb", options)
missing.open_pool = lambda workers: ThreadPoolExecutor(workers)

def extract(shard, clips):
    planned = [PlannedClip(f"{i}", video) for i in range(clips)]
    limits = ExtractionOptions(workers=1, clips_per_shard=8)
    result = extract_missing(FeatureStore(folder / shard, recipe), planned, limits)
    assert len(result.rows) == clips, result.failures

peaks = []
for shards, clips in ((1, 1), (1, 8), (5, 8)):
    for shard in range(shards):
        extract(f"{len(peaks)}-{shard}", clips)
    peaks.append(peak_bytes())
print(json.dumps(peaks))
"""


# VmHWM is the process's own peak; ru_maxrss begins with that of the process that started it.
@pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="peak memory is read from /proc"
)
def test_a_process_holds_one_shard_however_many_it_makes(tmp_path):
    options = OPTIONS.model_copy(
        update={
            "audio": OPTIONS.audio.model_copy(update={"duration_s": 10.0}),
            "rgb": OPTIONS.rgb.model_copy(update={"size_px": 224}),
        }
    )
    video = tmp_path / "clip.mp4"
    write_mp4(video, [np.full((48, 64, 3), 90, np.uint8)] * 20, frame_rate_fps=2)
    shard_bytes = 8 * np.prod(options.shape("rgb"))
    done = subprocess.run(
        [sys.executable, "-c", PEAKS, options.model_dump_json(), str(video), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    one_clip, one_shard, six_shards = json.loads(done.stdout)
    assert shard_bytes == 8 * 20 * 224 * 224 * 3
    assert one_shard - one_clip < 1.5 * shard_bytes
    assert six_shards - one_shard < 0.5 * shard_bytes
