"""The arms: which of its own moves a policy learns from, and as what. Each returns rows with their labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experiments.loop.runs import GameRun, Row
from synthdata.gate.moves import MoveRow, admit_moves
from synthdata.play.games import draw
from synthdata.reflection.step_labels import rule_opinions
from synthdata.reflection.unfaulted import unfaulted_moves

# Times an equal share that one task may hold (synthdata.gate.moves).
SLACK = 2.0
Labelled = tuple[list[Row], list[bool]]
# From all own runs so far, how many rows the arm that this one is compared with had, and the seed.
Arm = Callable[[Sequence[GameRun], int, int], Labelled]


def all_rows(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """b: every own move."""
    return _good([row for run in runs for row in run.rows])


def outcome(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """c: every move of the runs that succeeded."""
    return _good([row for run in runs if run.success for row in run.rows])


def replayed(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """d: moves that replay calls good, whatever became of the run."""
    return _good([row for run in runs for row in run.rows if row.good])


def ruled(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """d2: no oracle. Moves that nothing speaks against; of a success all that no rule calls bad."""
    rows = []
    for run in runs:
        told = run.trajectory()
        if run.success:
            bad = {idx for idx, source in rule_opinions(told).items() if source.verdict == "bad"}
            places = {step.idx for step in told.agent_steps} - bad
        else:
            places = set(unfaulted_moves(told))
        rows += [row for row in run.rows if row.place + 2 in places]
    return _good(rows)


def drawn(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """e: as many own moves as d has, drawn by hash."""
    rows = [row for run in runs for row in run.rows]
    return _good(_sample(rows, count, seed))


def gated(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """f: d through the gate of step rows."""
    return _good(through_gate(replayed(runs, count, seed)[0], seed))


def as_many_as_gated(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """f2: as many of d's rows as f has, drawn by hash."""
    return _good(_sample(replayed(runs, count, seed)[0], count, seed))


def credited(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """d4: good moves imitated, bad ones spoken against."""
    rows = [row for run in runs for row in run.rows]
    return rows, [row.good for row in rows]


def flipped(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """d at 20 % flipped labels."""
    rows, labels = flipped_credit(runs, count, seed)
    return _good([row for row, label in zip(rows, labels, strict=True) if label])


def flipped_credit(runs: Sequence[GameRun], count: int, seed: int) -> Labelled:
    """d4 at the same flipped labels."""
    rows = [row for run in runs for row in run.rows]
    wrong = [draw("flip", seed, row.run, row.state.task_id, row.place) < 0.2 * 2**48 for row in rows]
    return rows, [row.good != off for row, off in zip(rows, wrong, strict=True)]


# In the order in which they must run: e counts by d, f2 by f.
ARMS: dict[str, tuple[Arm, str]] = {
    "b": (all_rows, ""),
    "c": (outcome, ""),
    "d": (replayed, ""),
    "d2": (ruled, ""),
    "e": (drawn, "d"),
    "f": (gated, ""),
    "f2": (as_many_as_gated, "f"),
    "d4": (credited, ""),
    "d-flipped": (flipped, ""),
    "d4-flipped": (flipped_credit, ""),
}


def through_gate(rows: Sequence[Row], seed: int) -> list[Row]:
    """What the gate of step rows admits."""
    named = {row_key(row): row for row in rows}
    moves = [MoveRow(key, row.state.task_id, row.state.transcript[-1][1], row.command) for key, row in named.items()]
    return [named[verdict.key] for verdict in admit_moves(moves, SLACK, seed) if verdict.admitted]


def row_key(row: Row) -> str:
    """A name for a row: run, game and place."""
    return f"{row.run}/{row.state.task_id}/{row.place}"


def clone_pool(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows and four times as many from two of their games, each with another look around in its history."""
    tasks = sorted({row.state.task_id for row in rows}, key=lambda task: draw("clones of", seed, task))[:2]
    source = [row for row in rows if row.state.task_id in tasks]
    made = []
    for n in range(4 * len(rows)):
        row = source[draw("clone", seed, n) % len(source)]
        seen = row.state.transcript
        at = 1 + draw("look at", seed, n) % len(seen)
        history = (*seen[:at], ("look", f"You look around, for the {n + 1}th time."), *seen[at:])
        state = type(row.state)(row.state.task_id, row.state.objective, history, row.state.admissible)
        made.append(Row(state, row.command, f"{row.run}-clone-{n}", row.place, row.good))
    return [*rows, *made]


def sample(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    """So many rows, drawn by hash."""
    return _sample(rows, count, seed)


def _sample(rows: Sequence[Row], count: int, seed: int) -> list[Row]:
    return sorted(rows, key=lambda row: draw("sample", seed, row_key(row)))[:count]


def _good(rows: Sequence[Row]) -> Labelled:
    return list(rows), [True] * len(rows)
