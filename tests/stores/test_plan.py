from avsc_kedro.stores.plan import PLAN, clips_by_slot, extend_plan, read_plan, renew_plan
from avsc_kedro.stores.shard import Row


def extend(plan, clips, rows=(), size=2):
    stored = {clip: Row(clip, shard, 0, 0, "", None) for clip, shard in rows}
    return extend_plan(plan, list(clips), rows=stored, size=size)


def test_new_clips_fill_slots_in_order():
    assert extend({}, "abcde") == {"a": 0, "b": 0, "c": 1, "d": 1, "e": 2}
    assert clips_by_slot(extend({}, "abcde")) == [["a", "b"], ["c", "d"], ["e"]]


def test_known_clips_keep_their_slot_and_new_ones_get_new_slots():
    plan = extend({}, "abcde")
    assert extend(plan, "xbadey") == {"b": 0, "a": 0, "d": 1, "e": 2, "x": 3, "y": 3}
    assert extend(plan, "abcde", size=64) == plan


def test_without_a_plan_clips_of_one_shard_stay_together():
    plan = extend({}, "vabwc", rows=[("a", "s1"), ("b", "s2"), ("c", "s1")])
    assert clips_by_slot(plan) == [["a", "c"], ["b"], ["v", "w"]]


def test_a_plan_is_saved_when_it_changes_and_a_damaged_one_is_none(tmp_path):
    plan = renew_plan(tmp_path, ["a", "b", "c"], {}, size=2, anew=False)
    path = tmp_path / PLAN
    assert read_plan(tmp_path) == plan == {"a": 0, "b": 0, "c": 1}
    before = path.stat()
    renew_plan(tmp_path, ["a", "b", "c"], {}, size=9, anew=False)
    assert path.stat() == before
    assert renew_plan(tmp_path, ["c", "b", "a"], {}, size=9, anew=True) == {"c": 0, "b": 0, "a": 0}
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        assert read_plan(tmp_path) == {}
