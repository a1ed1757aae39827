"""Alarms on the trend: known sums, healthy months stay silent, a slow collapse turns red and freezes exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons
from test_gate_tables import Given

from synthdata.api import Corpus
from synthdata.corpus.releases import frozen_because
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.alarms import RoundHistory, cusum, trend_alarms
from synthdata.monitor.status import status
from synthdata.records import Candidate
from synthdata.settings import AlarmSettings

SETTINGS = AlarmSettings()
NAN = float("nan")
COURSE = RoundHistory({number: 0 for number in range(1, 41)})


def snapshots(tiles: dict[str, list[float]]) -> pl.DataFrame:
    rows = [(i, "raw", name, value) for name, values in tiles.items() for i, value in enumerate(values, 1)]
    return pl.DataFrame(rows, schema=["round", "view", "metric", "value"], orient="row")


def test_the_sum_by_hand() -> None:
    # Mean 0 and deviation 1 over five rounds, times sqrt(6/5) and t over normal at 99.9 %.
    healthy = [-1.0, -1.0, 0.0, 1.0, 1.0]
    error = np.sqrt(6 / 5) * 7.173182 / 3.090232
    step = 3.0 * error
    # Each round adds 3 - 0.5 errors: 2.5, 5, 7.5, 10 > 8.
    assert cusum([*healthy, step, step, step], SETTINGS) == []
    assert cusum([*healthy, step, step, step, step], SETTINGS) == [8]
    assert cusum(healthy, SETTINGS) == []


def test_one_shared_phrase_after_rounds_without_any_is_not_news_and_a_rise_is() -> None:
    # Of 100 texts two share one 4-gram: ln 2 each. Seven rounds with two such pairs each: 7 * (2 - 0.5) > 8.
    pair = 2 * np.log(2) / 100
    sizes = {"rows": [100.0] * 20}

    def ambers(repetition: list[float]) -> list[int]:
        return [
            a["round"] for a in trend_alarms(snapshots(sizes | {"self_repetition": repetition}), NAN, SETTINGS, COURSE)
        ]

    assert ambers([0.0] * 5 + [pair] + [0.0] * 6 + [pair, pair] + [0.0] * 6) == []
    assert ambers([0.0] * 5 + [2 * pair] * 7)[0] == 11
    assert ambers([0.0] * 5 + [20 * pair]) == [6]
    # What repeats itself in health is measured by its own spread.
    noisy = [0.5, 0.7, 0.6, 0.4, 0.6]
    assert ambers([*noisy, *(value + pair for value in noisy)]) == []


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=30))
def test_what_never_gets_worse_never_alarms(values: list[float]) -> None:
    falling = sorted(values, reverse=True)
    assert cusum(falling, SETTINGS) == []


def test_one_red_tile_is_amber_and_two_are_red() -> None:
    level, slide = [10.0, 10.2, 9.8, 10.1, 9.9], [8.0, 6.0, 4.0, 3.0, 2.0]
    one = trend_alarms(snapshots({"n2": level + slide, "cell_hill_1": [*level, *level]}), NAN, SETTINGS, COURSE)
    assert {alarm["level"] for alarm in one} == {"amber"}
    two = trend_alarms(snapshots({"n2": level + slide, "cell_hill_1": level + slide}), NAN, SETTINGS, COURSE)
    first = next(alarm for alarm in two if alarm["level"] == "red")
    assert first["tile"] == "collapse" and first["round"] > 5
    words = trend_alarms(
        snapshots({"distinct_3": level + slide, "tail_coverage": level + slide}), NAN, SETTINGS, COURSE
    )
    assert {alarm["level"] for alarm in words} == {"amber"}
    assert trend_alarms(snapshots({"n2": level}), 25.0, SETTINGS, COURSE) == [
        {"tile": "n2_level", "level": "amber", "round": number} for number in range(1, 6)
    ]
    assert trend_alarms(snapshots({"n2": level}), NAN, SETTINGS, COURSE) == []


def test_the_two_numbers_of_the_cells_are_one_tile_and_precision_is_amber() -> None:
    level, slide, rise = [10.0, 10.2, 9.8, 10.1, 9.9], [8.0, 6.0, 4.0, 3.0, 2.0], [12.0, 14.0, 16.0, 17.0, 18.0]
    cells = {"cell_hill_1": level + slide, "cell_max_ratio": level + rise}
    for other in ({}, {"precision": level + slide}):
        alarms = trend_alarms(snapshots(cells | other), NAN, SETTINGS, COURSE)
        assert {alarm["tile"] for alarm in alarms} == {*cells, *other}
        assert {alarm["level"] for alarm in alarms} == {"amber"}
    with_n2 = trend_alarms(snapshots({"cell_max_ratio": level + rise, "n2": level + slide}), NAN, SETTINGS, COURSE)
    assert "collapse" in {alarm["tile"] for alarm in with_n2}


def test_an_alarm_ends_with_healthy_rounds_an_unfreeze_or_a_new_anchor() -> None:
    level, slide = [10.0, 10.2, 9.8, 10.1, 9.9], [8.0, 6.0, 4.0]
    month = snapshots({"n2": level + slide + 4 * level, "cell_hill_1": level + slide + 4 * level})

    def red(course: RoundHistory) -> list[int]:
        return [a["round"] for a in trend_alarms(month, NAN, SETTINGS, course) if a["level"] == "red"]

    alone = red(COURSE)
    assert alone[0] in (7, 8) and alone[-1] < 28  # recovered rounds silence it
    assert red(RoundHistory(COURSE.anchors, frozenset({8}))) == [number for number in alone if number <= 8]
    moved = {number: int(number > 5) for number in range(1, 41)}
    assert red(RoundHistory(moved)) == []  # what differs after a new anchor is measured against rounds of its own
    assert red(RoundHistory({number: 0 for number in range(9, 29)})) == []


def test_a_stream_that_moves_on_is_no_collapse_and_a_narrowing_beside_it_is() -> None:
    level, away = [10.0, 10.2, 9.8, 10.1, 9.9], [8.0, 6.0, 4.0, 3.0, 2.0]
    beside = {"coverage": level + away, "mmd2": level + [20 - value for value in away]}
    own = {"n2": level + away, "cell_hill_1": level + away}

    def levels(tiles: dict[str, list[float]], changes: set[int]) -> set[str]:
        course = RoundHistory(COURSE.anchors, changes=frozenset(changes))
        return {alarm["level"] for alarm in trend_alarms(snapshots(tiles), NAN, SETTINGS, course)}

    assert levels(beside, set()) == {"amber", "red"}
    # The bet on a change of the real stream was won before round 6, and again before round 8.
    assert levels(beside, {5, 7}) == set()
    assert levels(beside | own, {5, 7}) == {"amber", "red"}
    # After a change there are healthy rounds again, and what leaves these is seen.
    later = {name: values[:5] + values for name, values in beside.items()}
    assert levels(later, {5}) == {"amber", "red"}


def test_healthy_months_stay_silent() -> None:
    rng, red = np.random.default_rng(0), 0
    mix = np.linalg.cholesky(np.full((4, 4), 0.5) + 0.5 * np.eye(4))
    for _ in range(200):
        month = rng.normal(size=(30, 4)) @ mix.T
        tiles = {name: list(50 + month[:, i]) for i, name in enumerate(("n2", "cell_hill_1", "coverage", "mmd2"))}
        red += any(alarm["level"] == "red" for alarm in trend_alarms(snapshots(tiles), NAN, SETTINGS, COURSE))
    assert red <= 3


@pytest.mark.slow
def test_a_slow_collapse_turns_red_and_freezes_what_is_exported(tmp_path: Path) -> None:
    rng, encoder = np.random.default_rng(1), Given()

    def unit(x: Any) -> Any:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    real, centres = lessons(220, 1), unit(rng.normal(size=(64, 24)))
    encoder.table |= dict(zip(real, unit(rng.normal(size=(220, 24))), strict=True)) | {"": np.zeros(24)}
    texts = [text for text in lessons(2000, 2) if text not in encoder.table][:1800]
    corpus = Corpus.init(tmp_path / "c", [ReferenceRow(t, "", t[:9]) for t in real], encoder=encoder)
    alarms = []
    for number in range(18):
        kept = centres[: max(1, 64 - 6 * max(0, number - 7))]
        x = kept[rng.integers(len(kept), size=100)] + 0.5 * rng.normal(size=(100, 24)) / np.sqrt(24)
        mine = texts[100 * number : 100 * number + 100]
        encoder.table |= dict(zip(mine, unit(x), strict=True))
        alarms.append(corpus.admit([Candidate(text) for text in mine]).alarm)
    assert not any(alarms[:8])
    assert alarms[-1].startswith("round 18 is red: Collapse")
    assert "round" in (frozen_because(corpus.store) or "")
    facts = status(corpus.store)
    assert facts["frozen"] is True
    assert {alarm["level"] for alarm in facts["alarms"] if alarm["round"] == 18} == {"amber", "red"}
