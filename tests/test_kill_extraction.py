import sys

import pytest

from benchmarks.kill_extraction import describe, kill_extraction


@pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc")
def test_a_killed_extraction_ends_in_the_same_bytes(tmp_path):
    summary = kill_extraction(tmp_path, kills=2, workers=2)
    print(describe(summary, workers=2))
    assert summary.kills
    assert max(kill.redone for kill in summary.kills) <= 2
    assert summary.rewritten == 0
    assert summary.orphans == 0
    assert summary.differing == []
