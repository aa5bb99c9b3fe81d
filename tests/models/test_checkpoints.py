import errno
import json
import os
import pickle
import time

import numpy as np
import pytest

from avsc_kedro.models import checkpoints as module
from avsc_kedro.models.checkpoints import Checkpoints, State, digest

KEY = "0" * 32
OTHER = "1" * 32


def state(epoch=1, *, scale=1.0):
    """A small state with every kind of number that a training has."""
    row = {"epoch": epoch, "loss": 0.1 + epoch, "val_loss": float("nan"), "stage": "train"}
    return State(
        epoch=epoch,
        history=[row] * epoch,
        best_epoch=1,
        best_loss=float("inf"),
        network=[
            np.linspace(0, scale, 6, dtype=np.float32).reshape(2, 3),
            np.array([7, 2**32 - 1], np.uint32),
        ],
        optimizer=[np.array(epoch, np.int64), np.zeros((0, 2), np.float32)],
        best_weights=[np.full(3, scale, np.float32)],
    )


def text(values: State) -> str:
    """All of a state as text, by which two can be compared, NaN and byte for byte."""
    arrays = [
        [(array.dtype.str, array.shape, array.tobytes().hex()) for array in group]
        for group in values[4:]
    ]
    return json.dumps([*values[:4], arrays])


@pytest.fixture
def saved(tmp_path):
    """The checkpoints of one training, after epochs 1 and 2 of the stage `train`."""
    training = Checkpoints(tmp_path / "checkpoints").of(KEY)
    training.save("train", state(1))
    training.save("train", state(2))
    return training


def test_a_state_comes_back_as_it_was(saved):
    assert text(saved.newest("train")) == text(state(2))
    assert saved.newest("refit") is None


def test_the_two_newest_of_each_stage_are_kept(saved):
    for epoch in (9999, 10000):
        saved.save("train", state(epoch))
    saved.save("refit", state(1))
    assert sorted(path.name for path in saved.folder.iterdir()) == [
        "refit-0001.npz",
        "train-10000.npz",
        "train-9999.npz",
    ]
    assert saved.newest("train").epoch == 10000


def test_no_flipped_bit_gives_other_numbers(saved, caplog):
    """A flip is seen, or lies where nothing is read from; the older state stands in."""
    path = saved.folder / "train-0002.npz"
    intact = path.read_bytes()
    directory = intact.index(b"PK\x01\x02")
    positions = [*range(0, directory, 11), *range(directory, len(intact), 3)]
    passed_over = 0
    for position in positions:
        damaged = bytearray(intact)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        got = text(saved.newest("train"))
        assert got in (text(state(2)), text(state(1))), position
        passed_over += got == text(state(1))
    assert passed_over > len(positions) / 2
    assert len(caplog.messages) == passed_over


@pytest.mark.parametrize("place", [b"network.0000", b"PK\x01\x02", b"PK\x05\x06", b"inf"])
def test_a_flip_that_matters_is_passed_over_with_one_line(saved, caplog, place):
    path = saved.folder / "train-0002.npz"
    path.write_bytes(flip(path.read_bytes(), place))
    assert saved.newest("train").epoch == 1
    assert len(caplog.messages) == 1
    assert f"{path} is passed over" in caplog.text


def flip(content: bytes, place: bytes) -> bytes:
    """Change one bit where `place` stands last: for a name, in the directory of the zip."""
    damaged = bytearray(content)
    damaged[content.lower().rindex(place.lower())] ^= 4
    return bytes(damaged)


def test_numbers_changed_together_with_their_crc_are_seen(saved):
    path = saved.folder / "train-0002.npz"
    with np.load(path) as file:
        entries = dict(file)
    entries["network.0000"][0, 0] = 5
    np.savez(path, **entries)
    assert saved.newest("train").epoch == 1


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_truncated_file_is_passed_over(saved, kept):
    path = saved.folder / "train-0002.npz"
    path.write_bytes(path.read_bytes()[:kept])
    assert saved.newest("train").epoch == 1


def test_two_damaged_files_leave_nothing_to_go_on_from(saved, caplog):
    for path in saved.folder.iterdir():
        path.write_bytes(b"PK")
    assert saved.newest("train") is None
    assert len(caplog.messages) == 2


def test_code_in_a_file_is_not_run(saved):
    """A pickle in an archive is refused."""
    path = saved.folder / "train-0002.npz"
    np.savez(path, description=np.array([print], dtype=object))
    assert saved.newest("train").epoch == 1


def test_a_disk_that_refuses_leaves_no_half_file(saved):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = sorted(saved.folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            saved.save("train", state(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(saved.folder.iterdir()) == before


def test_trainings_do_not_disturb_each_other(saved):
    checkpoints = Checkpoints(saved.folder.parent)
    assert checkpoints.of(OTHER).newest("train") is None
    assert checkpoints.of(KEY).newest("train").epoch == 2


def test_others_are_forgotten_after_a_day_and_nothing_else_is(saved):
    checkpoints = Checkpoints(saved.folder.parent)
    checkpoints.of(OTHER).save("train", state())
    foreign = checkpoints.folder / "notes"
    foreign.mkdir()
    day = module.FORGOTTEN_AFTER_S
    for folder, age in ((saved.folder, 2 * day), (foreign, 2 * day)):
        os.utime(folder, (time.time() - age,) * 2)
    assert checkpoints.of(KEY).newest("train").epoch == 2
    assert {path.name for path in checkpoints.folder.iterdir()} == {KEY, OTHER, "notes"}
    checkpoints.of(OTHER)
    assert {path.name for path in checkpoints.folder.iterdir()} == {OTHER, "notes"}


def test_what_a_killed_process_half_wrote_is_removed(saved):
    half = saved.folder / ".train-0003-0a1b2c3d.npz"
    half.write_bytes(b"PK")
    assert Checkpoints(saved.folder.parent).of(KEY).newest("train").epoch == 2
    assert not half.exists()


def test_discarding_removes_all_and_may_be_repeated(saved):
    checkpoints = pickle.loads(pickle.dumps(Checkpoints(saved.folder.parent)))
    for _ in range(2):
        checkpoints.discard()
        assert not checkpoints.folder.exists()
    assert checkpoints.of(KEY).newest("train") is None
    assert not checkpoints.folder.exists()


def test_the_training_that_ended_last_is_discarded_and_others_stay_for_their_day(saved):
    checkpoints = Checkpoints(saved.folder.parent)
    saved.finish()  # then killed: its results are not saved
    other = checkpoints.of(OTHER)
    other.save("train", state())
    checkpoints.discard_finished()
    assert checkpoints.of(OTHER).newest("train").epoch == 1
    other.finish()
    for _ in range(2):
        checkpoints.discard_finished()
        assert list(checkpoints.folder.iterdir()) == [saved.folder]
    assert checkpoints.of(KEY).newest("train").epoch == 2

    os.utime(saved.folder, (time.time() - 2 * module.FORGOTTEN_AFTER_S,) * 2)
    for _ in range(2):
        checkpoints.discard_finished()
        assert not checkpoints.folder.exists()


@pytest.mark.parametrize("damage", ["", ".", "..", KEY[:-1], f"{KEY}\n", f"../{KEY}"])
def test_a_damaged_note_of_the_end_discards_nothing(saved, damage):
    saved.finish()
    (saved.folder.parent / module.FINISHED).write_text(damage)
    Checkpoints(saved.folder.parent).discard_finished()
    assert list(saved.folder.parent.iterdir()) == [saved.folder]


def test_a_note_of_the_end_that_cannot_be_written_costs_nothing(saved, monkeypatch):
    def refuse(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "publish_bytes", refuse)
    saved.finish()
    Checkpoints(saved.folder.parent).discard_finished()
    assert saved.newest("train").epoch == 2


@pytest.mark.parametrize(
    ("facts", "arrays"),
    [
        ({"a": 2}, [np.zeros(2)]),
        ({"a": 1}, [np.ones(2)]),
        ({"a": 1}, [np.zeros((2, 1))]),
        ({"a": 1}, [np.zeros(4, np.float32)]),
        ({"a": 1}, []),
    ],
)
def test_a_digest_sees_facts_numbers_shapes_and_types(facts, arrays):
    assert digest(facts, arrays) != digest({"a": 1}, [np.zeros(2)])
    assert module.KEY.fullmatch(digest(facts, arrays))
