import errno
import os
import zlib

import h5py
import numpy as np
import pytest

from avsc_kedro import publish
from avsc_kedro.stores.reading import ShardReader
from avsc_kedro.stores.recipe import Recipe
from avsc_kedro.stores.shard import Failure, digest_row, read_shard, write_shard
from avsc_kedro.stores.source import Source
from avsc_kedro.stores.store_error import StoreError

RECIPE = Recipe("mel", {"n_fft": 8}, 1, (4, 5, 2), "<f4")
FEATURES = np.random.default_rng(0).standard_normal((3, 4, 5, 2)).astype("<f4")
CLIPS = ["tram-1", "bus-2", "park-3"]
SOURCES = [
    Source(f"/clips/{clip}.wav", 100 + i, 7 + i, 3, "d" * 32) for i, clip in enumerate(CLIPS)
]


def write(folder, **changes):
    content = {"recipe": RECIPE, "clip_ids": CLIPS, "features": FEATURES, "sources": SOURCES}
    return write_shard(folder, **{**content, **changes})


def read_all(folder, shard, recipe=RECIPE):
    reader = ShardReader(folder / shard.name, shard.place, recipe)
    return [reader.row(row) for row in shard.rows]


def test_rows_read_back_equal_with_their_checksum_digest_and_source(tmp_path):
    shard = write(tmp_path)
    rows = read_all(tmp_path, shard)
    np.testing.assert_array_equal(rows, FEATURES)
    assert all(row.dtype == np.dtype("<f4") and row.flags.aligned for row in rows)
    assert not any(row.flags.writeable for row in rows)
    assert [row.clip_id for row in shard.rows] == CLIPS
    assert [row.index for row in shard.rows] == [0, 1, 2]
    assert [row.source for row in shard.rows] == SOURCES
    assert {row.shard for row in shard.rows} == {shard.name}
    assert [row.checksum for row in shard.rows] == [zlib.crc32(row.tobytes()) for row in FEATURES]
    assert [row.digest for row in shard.rows] == [digest_row(row) for row in FEATURES]
    assert read_shard(tmp_path / shard.name, recipe=RECIPE) == shard


def test_the_rows_are_what_h5py_reads(tmp_path):
    shard = write(tmp_path)
    with h5py.File(tmp_path / shard.name) as file:
        assert file["features"].chunks is None
        np.testing.assert_array_equal(file["features"][:], FEATURES)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    shards = [write(tmp_path / name) for name in "ab"]
    assert shards[0] == shards[1]
    first, second = ((tmp_path / name / shards[0].name).read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize("letters", range(1, 9))
def test_rows_are_aligned_whatever_the_length_of_names(tmp_path, letters):
    shard = write(tmp_path, clip_ids=["a", "b", "c" * letters])
    assert all(row.flags.aligned for row in read_all(tmp_path, shard))


def test_bytes_stay_bytes(tmp_path):
    frames = np.random.default_rng(1).integers(0, 256, (3, 2, 4, 4, 3)).astype(np.uint8)
    recipe = Recipe("rgb", {}, 1, (2, 4, 4, 3), "|u1")
    rows = read_all(tmp_path, write(tmp_path, features=frames, recipe=recipe), recipe)
    assert rows[0].dtype == np.uint8
    np.testing.assert_array_equal(rows, frames)


def test_the_name_follows_recipe_clips_content_and_failures(tmp_path):
    changed = FEATURES.copy()
    changed[2, 3, 4, 1] += 1e-3
    shards = [
        write(tmp_path),
        write(tmp_path, recipe=RECIPE._replace(extractor_version=2)),
        write(tmp_path, features=changed),
        write(tmp_path, clip_ids=["tram-1", "bus-2", "park-4"]),
        write(tmp_path, failures=[Failure("bad", SOURCES[0], "sound", "none", "Replace it.")]),
    ]
    assert len({shard.name for shard in shards}) == 5
    assert write(tmp_path) == shards[0]


def test_failures_of_the_task_lie_in_the_shard(tmp_path):
    failure = Failure("bad", SOURCES[0], "sound", "none", "Replace it.")
    shard = write(tmp_path, failures=[failure])
    assert read_shard(tmp_path / shard.name, recipe=RECIPE).failures == [failure]


def test_another_recipe_name_or_layout_a_torn_file_and_a_stranger_hold_nothing(tmp_path):
    path = tmp_path / write(tmp_path).name
    for other in (
        RECIPE._replace(extractor_version=2),
        RECIPE._replace(shape=(5, 4, 2)),
        RECIPE._replace(dtype=">f4"),
    ):
        assert read_shard(path, recipe=other) is None
    torn, stranger = tmp_path / "torn.h5", tmp_path / "stranger.h5"
    torn.write_bytes(path.read_bytes()[:600])
    with h5py.File(stranger, "w") as file:
        file["other"] = 1
    renamed = path.rename(tmp_path / f"{'0' * 24}.h5")
    for other in (torn, stranger, renamed, tmp_path / "absent.h5"):
        assert read_shard(other, recipe=RECIPE) is None


def test_many_long_paths_fit(tmp_path):
    count = 1000
    recipe = RECIPE._replace(shape=(1,))
    shard = write(
        tmp_path,
        recipe=recipe,
        clip_ids=[f"clip-{i}" for i in range(count)],
        features=np.zeros((count, 1), "<f4"),
        sources=[Source("/" + "a" * 250, 1, 1, 1, "d" * 32)] * count,
    )
    assert len(read_shard(tmp_path / shard.name, recipe=recipe).rows) == count


def test_lengths_must_agree(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write(tmp_path, clip_ids=CLIPS[:2])
    assert list(tmp_path.iterdir()) == []


def test_what_the_disk_does_not_give_back_is_not_published(tmp_path, monkeypatch):
    def open_forgetful(path, mode):
        file = open(path, mode)  # noqa: SIM115
        write_all = file.write
        forgetful = Forgetful(file)
        forgetful.write = lambda content: write_all(bytes(bytearray(content)[:-1]) + b"\1")
        return forgetful

    monkeypatch.setattr(publish, "open", open_forgetful, raising=False)
    with pytest.raises(OSError, match="does not read back as it was written"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


class Forgetful:
    """A file of which one byte of every write comes back changed."""

    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


def test_a_full_disk_is_said_as_such_though_hdf5_met_it(tmp_path, monkeypatch):
    def open_full(path, mode):
        full = Forgetful(open(path, mode))  # noqa: SIM115
        full.write = lambda content: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space"))
        return full

    monkeypatch.setattr(publish, "open", open_full, raising=False)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_cut_short_is_refused_before_it_is_mapped(tmp_path):
    shard = write(tmp_path)
    os.truncate(tmp_path / shard.name, shard.place.bytes - 1)
    with pytest.raises(StoreError, match=rf"expected {shard.place.bytes} bytes. Received"):
        read_all(tmp_path, shard)


def test_damage_anywhere_is_seen_or_does_not_matter(tmp_path):
    """HDF5 itself may never return from a damaged file; a shard must not let it."""
    shard = write(tmp_path, failures=[Failure("bad", SOURCES[0], "sound", "none", "Replace it.")])
    whole = (tmp_path / shard.name).read_bytes()
    path = tmp_path / shard.name
    for position in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        assert read_shard(path, recipe=RECIPE) in (None, shard)
