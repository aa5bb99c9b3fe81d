import hashlib
import json

import pytest

from avsc_kedro.stores.checked_json import read_checked, write_checked

CONTENT = {"clip": ["Straße", 1.5, None, "\udce9"], "rows": []}


def test_reads_back_and_is_json_with_its_digest_in_front(tmp_path):
    path = tmp_path / "a.json"
    write_checked(path, "index", CONTENT)
    assert read_checked(path, "index") == CONTENT
    whole = json.loads(path.read_text())
    assert whole["index"] == CONTENT
    _, _, body = path.read_bytes().partition(b"\n")
    assert whole["digest"] == hashlib.blake2b(body, digest_size=16).hexdigest()


def test_any_flipped_bit_any_cut_and_anything_added_is_seen(tmp_path):
    path = tmp_path / "a.json"
    write_checked(path, "index", CONTENT)
    whole = path.read_bytes()
    damages = [whole[:length] for length in range(len(whole))] + [whole + b" "]
    for position in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            damages.append(bytes(flipped))
    for damaged in damages:
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="does not have its digest"):
            read_checked(path, "index")
