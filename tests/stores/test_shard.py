import contextlib
import zlib

import h5py
import numpy as np
import pytest

from avsc_kedro.stores.shard import (
    UNREADABLE,
    Source,
    identify_source,
    map_features,
    read_rows,
    row_is_intact,
    write_shard,
)

FEATURES = np.random.default_rng(0).standard_normal((3, 4, 5, 2)).astype("<f4")
CLIPS = ["tram-1", "bus-2", "park-3"]
SOURCES = [Source(f"/clips/{clip}.wav", 100 + i, 7 + i, "d" * 32) for i, clip in enumerate(CLIPS)]


def write(folder, **changes):
    content = {"recipe_id": "r1", "clip_ids": CLIPS, "features": FEATURES, "sources": SOURCES}
    return write_shard(folder, **{**content, **changes})


def test_rows_read_back_equal_with_their_checksum_and_source(tmp_path):
    name = write(tmp_path)
    rows = read_rows(tmp_path / name, recipe_id="r1")
    mapped = map_features(tmp_path / name)
    np.testing.assert_array_equal(mapped, FEATURES)
    assert mapped.dtype == np.dtype("<f4")
    assert mapped.flags.aligned
    assert not mapped.flags.writeable
    assert [row.clip_id for row in rows] == CLIPS
    assert [row.index for row in rows] == [0, 1, 2]
    assert [row.source for row in rows] == SOURCES
    assert {row.shard for row in rows} == {name}
    assert [row.checksum for row in rows] == [zlib.crc32(row.tobytes()) for row in FEATURES]
    assert all(row_is_intact(mapped[row.index], row.checksum) for row in rows)


def test_the_map_is_what_h5py_reads(tmp_path):
    path = tmp_path / write(tmp_path)
    with h5py.File(path) as file:
        assert file["features"].chunks is None
        np.testing.assert_array_equal(file["features"][:], map_features(path))


@pytest.mark.parametrize("letters", range(1, 9))
def test_rows_are_aligned_whatever_the_length_of_names(tmp_path, letters):
    name = write(tmp_path, clip_ids=["a", "b", "c" * letters])
    assert map_features(tmp_path / name).flags.aligned


def test_bytes_stay_bytes(tmp_path):
    frames = np.random.default_rng(1).integers(0, 256, (3, 2, 4, 4, 3)).astype(np.uint8)
    mapped = map_features(tmp_path / write(tmp_path, features=frames))
    assert mapped.dtype == np.uint8
    np.testing.assert_array_equal(mapped, frames)


def test_the_name_follows_recipe_clips_and_content(tmp_path):
    changed = FEATURES.copy()
    changed[2, 3, 4, 1] += 1e-3
    names = [
        write(tmp_path),
        write(tmp_path, recipe_id="r2"),
        write(tmp_path, features=changed),
        write(tmp_path, clip_ids=["tram-1", "bus-2", "park-4"]),
    ]
    assert len(set(names)) == 4
    assert write(tmp_path) == names[0]


def test_another_recipe_a_torn_file_and_a_stranger_hold_no_rows(tmp_path):
    path = tmp_path / write(tmp_path)
    assert read_rows(path, recipe_id="r2") is None
    torn = tmp_path / "torn.h5"
    torn.write_bytes(path.read_bytes()[:600])
    assert read_rows(torn, recipe_id="r1") is None
    stranger = tmp_path / "stranger.h5"
    with h5py.File(stranger, "w") as file:
        file["other"] = 1
    assert read_rows(stranger, recipe_id="r1") is None
    assert read_rows(tmp_path / "absent.h5", recipe_id="r1") is None


def test_many_long_paths_fit(tmp_path):
    count = 1000
    name = write(
        tmp_path,
        clip_ids=[f"clip-{i}" for i in range(count)],
        features=np.zeros((count, 1), "<f4"),
        sources=[Source("/" + "a" * 250, 1, 1, "d" * 32)] * count,
    )
    assert len(read_rows(tmp_path / name, recipe_id="r1")) == count


def test_a_flipped_bit_is_seen():
    row = FEATURES[0].copy()
    checksum = zlib.crc32(row.tobytes())
    row.view(np.uint8)[1, 2, 3] ^= 1
    assert row_is_intact(FEATURES[0], checksum)
    assert not row_is_intact(row, checksum)


def test_lengths_must_agree(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write(tmp_path, clip_ids=CLIPS[:2])
    assert list(tmp_path.iterdir()) == []


def test_a_source_is_known_by_size_time_and_content(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"abc")
    source = identify_source(str(path))
    assert (source.path, source.size) == (str(path), 3)
    assert source.mtime_ns == path.stat().st_mtime_ns
    path.write_bytes(b"abd")
    assert identify_source(str(path)).digest != source.digest


def test_damage_anywhere_ends_in_an_answer(tmp_path):
    """HDF5 itself may never return from a damaged file; a shard must not let it."""
    whole = (tmp_path / write(tmp_path)).read_bytes()
    path = tmp_path / "damaged.h5"
    for position in range(0, len(whole), 23):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        rows = read_rows(path, recipe_id="r1")
        assert rows is None or len(rows) == 3
        with contextlib.suppress(UNREADABLE):
            assert map_features(path).shape == FEATURES.shape
