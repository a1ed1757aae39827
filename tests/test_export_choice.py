"""Which rows are written: the real share always holds, no larger set would keep it, and splits never cut a task."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import RefusedError
from synthdata.export.choice import Choice, ExportLimits, SourceSize, choose, rare_types, split_of
from synthdata.settings import ExportSettings


def entry(number: int, real: bool, tokens: int, rows: int = 1) -> SourceSize:
    return SourceSize(f"{'r' if real else 's'}{number}", real, "train", (rows,), (tokens,))


entries = st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(1, 3)), min_size=1, max_size=9).map(
    lambda rows: [entry(i, real, tokens * n, n) for i, (real, tokens, n) in enumerate(rows)]
)


def holds(chosen: list[SourceSize], share: float) -> bool:
    real = [e for e in chosen if e.real]
    rows, tokens = sum(e.rows[0] for e in chosen), sum(e.tokens[0] for e in chosen)
    enough = sum(e.rows[0] for e in real) >= share * rows - 1e-9
    return enough and sum(e.tokens[0] for e in real) >= share * tokens - 1e-9


@given(entries, st.sampled_from([0.25, 0.5, 0.9]))
def test_the_share_holds_for_any_sizes(rows: list[SourceSize], share: float) -> None:
    settings = ExportSettings(real_share=share)
    if not any(e.real for e in rows):
        with pytest.raises(RefusedError, match="0 rows can be trained on"):
            choose(rows, ["sft"], settings, ExportLimits())
        return
    made = choose(rows, ["sft"], settings, ExportLimits())
    chosen = [e for e in rows if e.key in made.keys]
    assert holds(chosen, share) and {e for e in rows if e.real} <= set(chosen)
    assert made.shares["sft"][0] >= share - 1e-9 and made.shares["sft"][1] >= share - 1e-9


@given(entries.map(lambda rows: [e._replace(rows=(1,)) for e in rows]))
def test_no_larger_set_of_single_rows_keeps_the_share(rows: list[SourceSize]) -> None:
    if not any(e.real for e in rows):
        return
    made = choose(rows, ["sft"], ExportSettings(), ExportLimits())
    other = [e for e in rows if not e.real]
    real = [e for e in rows if e.real]
    best = max(
        n for n in range(len(other) + 1) for part in itertools.combinations(other, n) if holds([*real, *part], 0.25)
    )
    assert len(made.keys) == len(real) + best


def test_every_container_is_looked_at() -> None:
    # By itself `sft` would keep all, but a whole run is one row of `messages`.
    runs = [SourceSize(f"r{i}", True, "train", (4, 1), (40, 80)) for i in range(10)]
    other = [SourceSize(f"s{i}", False, "train", (1, 1), (5, 5)) for i in range(60)]
    assert len(choose([*runs, *other], ["sft", "messages"], ExportSettings(), ExportLimits()).keys) == 40
    assert len(choose([*runs, *other], ["sft", "messages"], ExportSettings(real_share=0.0), ExportLimits()).keys) == 70


def test_kinds_that_imitate_nothing_have_no_share() -> None:
    made = choose([SourceSize("s1", False, "train", (), ())], [], ExportSettings(), ExportLimits())
    assert made == Choice(frozenset({"s1"}), (), {}, 1)


@given(entries, st.integers(20, 200), st.floats(0.1, 0.9))
def test_tokens_and_mix_are_met(rows: list[SourceSize], tokens: int, mix: float) -> None:
    try:
        made = choose(rows, ["sft"], ExportSettings(), ExportLimits(tokens=tokens, mix=mix))
    except RefusedError:
        return
    chosen = [e for e in rows if e.key in made.keys]
    assert sum(e.tokens[0] for e in chosen) <= tokens and holds(chosen, max(mix, 0.25))


def test_validation_and_test_rows_stay_and_do_not_count() -> None:
    rows = [entry(0, True, 10), entry(1, False, 10)]
    aside = [e._replace(key=f"t{e.key}", split="test") for e in rows * 1] + [
        entry(5, False, 900)._replace(split="test")
    ]
    made = choose([*rows, *aside], ["sft"], ExportSettings(), ExportLimits())
    assert made.keys == {"r0", "s1", "tr0", "ts1", "s5"} and made.train_rows == 2


@given(st.lists(st.text(max_size=6), unique=True, max_size=30), st.sets(st.text(max_size=6), max_size=5))
def test_a_task_has_one_split_and_one_set_aside_is_test(tasks: list[str], aside: set[str]) -> None:
    settings = ExportSettings()
    for task in tasks:
        split = split_of(task, aside, settings)
        assert split == split_of(task, aside, settings)
        assert split == "test" or task not in aside


def test_splits_have_their_shares() -> None:
    settings = ExportSettings(validation_share=0.2, test_share=0.1)
    found = [split_of(f"task {i}", frozenset(), settings) for i in range(4000)]
    assert found.count("test") / 4000 == pytest.approx(0.1, abs=0.02)
    assert found.count("validation") / 4000 == pytest.approx(0.2, abs=0.02)


def test_rare_words_come_first_at_equal_tokens() -> None:
    common = [SourceSize(f"r{i}", True, "train", (1,), (10,), (1, 2, 3)) for i in range(40)]
    rare = [SourceSize(f"q{i}", True, "train", (1,), (10,), (1, 2, 100 + i)) for i in range(4)]
    other = [entry(i, False, 10) for i in range(10)]
    plain, tail = (
        choose([*common, *rare, *other], ["sft"], ExportSettings(protect_tail=on), ExportLimits(mix=0.5))
        for on in (False, True)
    )
    assert len(plain.keys) == len(tail.keys) == 20
    assert {e.key for e in rare} <= tail.keys and not {e.key for e in rare} <= plain.keys


def test_the_rarest_words_are_those_of_the_last_share_of_text() -> None:
    assert rare_types({1: 80, 2: 10, 3: 5, 4: 5}, 0.15) == {3, 4}
    assert rare_types({}, 0.15) == frozenset()
