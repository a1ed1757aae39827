"""The gate of step rows: no decision twice, no task above its share, and the floor that follows from it."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from metrics import hill_number
from synthdata.gate.moves import MoveRow, admit_moves, task_cap

ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 5), st.integers(0, 3), st.sampled_from([0.5, 1.0])), max_size=80
).map(
    lambda told: [
        MoveRow(str(i), f"task-{task}", f"You see {seen}.", f"take {deed}", sure)
        for i, (task, seen, deed, sure) in enumerate(told)
    ]
)
SLACK = st.floats(1.0, 4.0)


@given(ROWS, SLACK)
def test_the_effective_number_of_tasks_never_falls_below_its_floor(rows, slack):
    kept = Counter(row.task for row, v in zip(rows, admit_moves(rows, slack), strict=True) if v.admitted)
    if kept:
        assert len(kept) == len({row.task for row in rows})
        assert hill_number(list(kept.values()), 2) >= len(kept) / slack - 1e-9


@given(ROWS, SLACK, st.randoms())
def test_verdicts_do_not_depend_on_the_order_of_rows(rows, slack, random):
    mixed = list(rows)
    random.shuffle(mixed)
    assert {v.key: v for v in admit_moves(rows, slack)} == {v.key: v for v in admit_moves(mixed, slack)}


@given(ROWS, SLACK)
def test_each_refusal_has_its_reason_and_counts_add_up(rows, slack):
    verdicts = admit_moves(rows, slack)
    assert [v.key for v in verdicts] == [row.key for row in rows]
    for verdict in verdicts:
        assert verdict.admitted == (verdict.reason is None) == (verdict.evidence == "")
    kept = [row.decision for row, v in zip(rows, verdicts, strict=True) if v.admitted]
    assert len(kept) == len(set(kept))


def test_of_one_decision_the_surest_label_stands():
    rows = [MoveRow("a", "t", "A Hall.", "go east", 0.5), MoveRow("b", "t", "a  hall.", "Go east", 1.0)]
    first, second = admit_moves(rows, 2.0)
    assert second.admitted and (first.reason, first.evidence) == ("same_decision", "as b")


def test_genuine_neighbours_pass():
    rows = [
        MoveRow("a", "t", "A hall.", "go east"),
        MoveRow("b", "t", "A hall.", "go west"),
        MoveRow("c", "t", "A yard.", "go east"),
        MoveRow("d", "u", "A hall.", "go east"),
    ]
    assert all(verdict.admitted for verdict in admit_moves(rows, 3.0))


def test_a_task_that_floods_the_set_is_cut_to_its_share():
    rows = [MoveRow(f"x{i}", "flood", str(i), "go") for i in range(100)]
    rows += [MoveRow(f"{task}{i}", task, str(i), "go") for task in "abcd" for i in range(5)]
    kept = Counter(row.task for row, v in zip(rows, admit_moves(rows, 2.0), strict=True) if v.admitted)
    assert kept == {"flood": 13, "a": 5, "b": 5, "c": 5, "d": 5}
    assert {v.reason for v in admit_moves(rows, 2.0)} == {None, "task_quota"}


def test_caps_by_hand():
    assert task_cap(Counter({"a": 9}), 1.0) == 9
    assert task_cap(Counter({"a": 9, "b": 3}), 1.0) == 3
    assert task_cap(Counter(), 2.0) == 1
