import numpy as np
import pytest

from avsc_kedro.models import phase1
from avsc_kedro.models.checkpoints import Checkpoints
from avsc_kedro.models.phase1 import Recordings, train_audio, train_visual
from avsc_kedro.options import AudioBackboneOptions, ComputeOptions, VisualBackboneOptions
from avsc_kedro.paper import BRANCHES

BRANCH = {branch.name: branch for branch in BRANCHES}
SETTINGS = {"classes": 2, "seed": 3, "refit": True}


class Stopped(Exception):
    """Ends a training before its first step."""


@pytest.fixture(scope="module")
def known():
    """Keys of trainings that were asked for before: each needs a network built."""
    return {}


@pytest.fixture
def key_of(monkeypatch, tmp_path, training_options, known):
    """Return the name that a training's checkpoints get; keywords change its options."""
    shared = {"training": training_options(), "batch_norm_momentum": 0.9, "head_dropout": 0.2}

    def stop(self, key):
        raise Stopped(key)

    monkeypatch.setattr(Checkpoints, "of", stop)

    def start(train, branch, options, clips, course):
        with pytest.raises(Stopped) as stopped:
            train(
                BRANCH[branch],
                clips,
                options,
                checkpoints=Checkpoints(tmp_path),
                **{**SETTINGS, **course},
            )
        return str(stopped.value)

    def key(*args, **changes):
        asked = repr((args, changes))
        if asked not in known:
            known[asked] = made(*args, **changes)
        return known[asked]

    def made(made_from="these clips", *, visual=False, compute=None, **changes):
        course = {"made_from": made_from, "compute": compute or ComputeOptions()}
        changes = {**shared, **changes}
        if visual:
            options = VisualBackboneOptions(**{"weights": "none", "frames_per_clip": 2, **changes})
            return start(train_visual, "vis_conv", options, recordings((3, 32, 32, 3)), course)
        options = AudioBackboneOptions(**{"widths": (8,) * 4, **changes})
        return start(train_audio, "aud_mel", options, recordings((16, 17, 2)), course)

    key.made_anew = made
    return key


def recordings(shape):
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=shape).astype(np.float32) for _ in range(4)]
    train, validation = (rows[:2], [0, 1]), (rows[2:], [0, 1])
    return Recordings(train, validation, (rows, [0, 1, 0, 1]))


def test_an_audio_training_is_known_by_its_clips_and_all_of_its_options(key_of):
    keys = [key_of(), key_of("others"), key_of(head_dropout=0.3), key_of(batch_norm_momentum=0.8)]
    assert len(set(keys)) == 4
    assert key_of(embedding_batch_size=7) == keys[0]


def test_a_training_is_known_by_what_it_runs_on(key_of):
    assert key_of() != key_of(compute=ComputeOptions(xla=True))


def test_a_visual_training_is_known_by_the_frames_it_takes(key_of):
    assert key_of(visual=True) != key_of(visual=True, frames_per_clip=3)


def test_a_training_is_known_by_how_its_samples_are_varied(key_of):
    masks = {"time_masks": 2, "time_mask_frames": 4}
    assert key_of() != key_of(augmentation=masks)
    assert key_of() == key_of(augmentation={})
    assert key_of(visual=True) != key_of(visual=True, augmentation={"flip": True})


def test_input_constants_belong_to_the_network(key_of, monkeypatch):
    first = key_of()
    assert key_of.made_anew() == first
    monkeypatch.setattr(phase1, "channel_statistics", lambda _: (np.ones(6), np.ones(6)))
    assert key_of.made_anew() != first
