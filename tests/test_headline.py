"""The first sentence about a corpus: each state has its own, and what it names is what rings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.monitor.headline import headline
from synthdata.text.names import ALARMS, METRICS, alarm_name

HEALTHY = {
    "round": 8, "healthy_rounds": 5, "alarms": [], "frozen": False, "frozen_because": None, "in_corpus": 90,
    "candidates": 200, "rejected": {"near_duplicate": 70, "loop": 40}, "starved": "",
}  # fmt: skip


def ring(tile: str, at: int, level: str = "amber") -> dict[str, object]:
    return {"tile": tile, "level": level, "round": at}


@pytest.mark.parametrize(
    ("change", "level", "words", "says"),
    [
        ({}, "green", "Healthy", "No alarm in any round up to round 8, measured over 8 rounds."),
        ({"alarms": [ring("mmd2", 6)]}, "green", "Healthy", "No alarm since round 7"),
        ({"round": 1}, "green", "Healthy so far", "No alarm in 1 round; a trend can be seen from round 6 on."),
        ({"round": 0}, "amber", "No round yet", "Real data is measured"),
        ({"in_corpus": 0}, "amber", "Nothing admitted yet", "most often: near copy"),
        ({"starved": "Near copy took 9 of 9"}, "amber", "The last round starved", "Near copy took 9 of 9."),
        ({"alarms": [ring("mmd2", 7), ring("mmd2", 8)]}, "amber", "Worth a look", "Drift rings since round 7"),
        (
            {"alarms": [ring("collapse", 8, "red"), ring("n2", 5), ring("n2", 8)]},
            "red", "Red alarm", "Collapse (several tiles at once) rings since round 8",
        ),
        ({"frozen": True, "frozen_because": "by hand", "alarms": [ring("n2", 8)]}, "red", "Frozen", "By hand."),
    ],
)  # fmt: skip
def test_each_state_has_its_sentence(change, level, words, says):
    told = headline(HEALTHY | change)
    assert told.level == level and told.words.startswith(words) and says in told.says
    assert str(told).startswith(words) and " Next: " in str(told) and ".." not in str(told)


@given(st.lists(st.sampled_from([*METRICS, *ALARMS]), min_size=1, max_size=12, unique=True))
def test_few_alarms_are_named_and_the_rest_are_counted(tiles):
    said = headline(HEALTHY | {"alarms": [ring(tile, 8) for tile in tiles]}).says
    named = [tile for tile in tiles if alarm_name(tile) in said]
    assert len(named) >= min(len(tiles), 3) and len(said) < 300
    assert (f"{len(tiles) - 3} others" in said) == (len(tiles) > 4)
