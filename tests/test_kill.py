"""A whole round and an `init`, killed by a real `kill -9` at random moments and run again (bench/kill.py does more)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import kill


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_inits_and_rounds_end_as_if_nothing_had_happened(tmp_path):
    _, inits = kill.kill_inits(tmp_path / "inits", 2)
    _, rounds = kill.kill_rounds(
        tmp_path / "inits" / "whole", tmp_path / "rounds", 8, kill.first_runs(60, tmp_path / "runs.jsonl")
    )
    assert [one for one in [*inits, *rounds] if not one.same] == []
    # The moments are spread over the undisturbed duration, so most of them hit a living process.
    assert sum(one.killed for one in rounds) >= 4
