"""The guarantees of docs/design.md, section 5, on hostile streams: what the floor implies, drift, bursts, recovery."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons
from scipy import stats
from test_gate import D, candidates, most_of_cell, stream, unit, world

from metrics.spectrum import collision_probability, vendi_score
from synthdata.gate.anchor import AnchorHeader
from synthdata.gate.calibrate import calibrate
from synthdata.gate.fill import fill_content
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.gate.round import decide
from synthdata.gate.state import GateState, RoundInputs
from synthdata.records import OUTSIDE, Candidate, Decision, Reason, Reject, Verdict
from synthdata.settings import AnchorSettings, GateSettings

GATE = Path(__file__).parent.parent / "synthdata" / "gate"
KINDS = st.sampled_from(["random", "clustered", "adversarial", "clones"])
# Sums of float32 products against the running sums in float64.
ROUNDING = 1e-6


def filled_world(seed: int, kind: str) -> GateState:
    """A corpus whose content half was filled by a first round of that kind: calibrated from the generator."""
    state, reference = world(seed, views="two")
    rng = np.random.default_rng(seed)
    made = [replace(c, trajectory_id=f"run {i}") for i, c in enumerate(candidates(80, 900 + seed, "two"))]
    content = unit(rng, 80) if kind == "clones" else stream(kind, 80, rng)
    half = fill_content(made, content, AnchorSettings(), GateSettings())
    bare = replace(reference, rows=[replace(row, content="") for row in reference.rows])
    return GateState(replace(state.anchor, content=half), bare, GateSettings())


def put_through(state: GateState, kind: str, seed: int, n: int = 100) -> tuple[list[Decision], Any, Any]:
    """Decisions on a stream, the centred contents of the admitted rows (a, d), and of W with them."""
    rng = np.random.default_rng(seed)
    content = stream(kind, n, rng)
    views = state.anchor.views
    context = unit(rng, n) if views == "two" else content
    made = candidates(n, seed, views)
    decisions = decide(made, context, content, state)
    centred = {item.candidate.id: item.content for item in state.items(made, context, content)}
    admitted = [centred[d.candidate.id] for d in decisions if d.verdict is Verdict.ADMIT]
    rows = np.array(admitted, dtype=np.float32).reshape(-1, D)
    return decisions, rows, np.vstack([state.content.window, rows])


@settings(max_examples=20)
@given(KINDS, st.integers(0, 60), st.sampled_from(["one", "two", "filled"]))
def test_what_the_floor_implies(kind: str, seed: int, corpus: Literal["one", "two", "filled"]) -> None:
    state = filled_world(seed % 3, kind) if corpus == "filled" else world(seed % 3, views=corpus)[0]
    start = state.corpus_scope.collision()
    decisions, admitted, together = put_through(state, kind, seed)
    limit, n = max(state.collision_max, start), len(together)
    found = collision_probability(together)
    assert found <= limit + ROUNDING
    assert 1 / found >= 1 / (limit + ROUNDING)
    assert vendi_score(together) >= n / (1 + (n - 1) * limit) - 1e-3
    if len(admitted) >= 2:
        own = len(admitted) * (len(admitted) - 1)
        assert collision_probability(admitted) <= found * n * (n - 1) / own + ROUNDING
    assert len(decisions) == 100


@settings(max_examples=20)
@given(KINDS, st.integers(0, 60), st.sampled_from(["one", "two"]))
def test_shares_of_cells_stay_near_the_real_ones(kind: str, seed: int, views: str) -> None:
    state, _ = world(seed % 3, views=views)
    put_through(state, kind, seed)
    real = state.real_counts
    target = (real + 1) / (real.sum() + len(real))
    share = state.counts / state.counts.sum()
    live = share > 0
    drift = float((share[live] * np.log(share[live] / target[live])).sum())
    # The limit grows with the corpus, so that of now holds for every earlier entry. It counts rows outside all cells in
    # N too; with a tenth of dreams at most it is the looser one.
    most = np.array([most_of_cell(state, cell) for cell in range(len(real))]) / state.counts.sum()
    assert (state.counts[state.counts > real] <= most[state.counts > real] * state.counts.sum()).all()
    bound = float((share[live] * np.log(np.maximum(most, share)[live] / target[live])).sum())
    assert drift <= bound + 1e-9


def test_of_an_exchangeable_stream_no_more_is_refused_than_promised() -> None:
    # Guarantee 6: reference and stream are drawn alike, task by task; rows of a task lie close together.
    gate = GateSettings()
    refused: Counter[str] = Counter()
    rows = 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 11])
        centres = unit(rng, 12)
        tasks = centres[rng.integers(12, size=500)] + 0.8 * unit(rng, 500)
        vectors = np.repeat(tasks, 2, axis=0) + 0.5 * unit(rng, 1000)
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        texts = lessons(1000, seed)
        real = [ReferenceRow(texts[i], "", f"task {i // 2}") for i in range(500)]
        reference = clean(real, vectors[:500], vectors[:500], AnchorSettings(), gate)
        anchor = calibrate(reference, AnchorHeader(0, "one", "test"), AnchorSettings())
        # One random row of each new task: that is what the promise speaks of.
        new = np.arange(500, 1000, 2) + rng.integers(2, size=250)
        made = [Candidate(texts[i], task_id=f"task {i // 2}") for i in new]
        decisions = decide(made, vectors[new], vectors[new], GateState(anchor, reference, gate))
        refused.update(str(d.reason) for d in decisions if d.reason)
        refused["outside"] += sum(d.numbers["novelty_p"] <= gate.alpha_outside for d in decisions)
        rows += len(new)
    assert refused["outside"] <= stats.binom.ppf(0.999, rows, gate.alpha_outside)
    assert refused["outside_reference"] + refused["cell_quota"] <= gate.alpha_outside * rows
    assert refused["generic"] <= gate.alpha_generic * rows + 3 * np.sqrt(gate.alpha_generic * rows)


@pytest.mark.slow
@pytest.mark.parametrize("views", ["one", "two"])
def test_ten_thousand_clones_add_what_the_round_scope_allows(views: str) -> None:
    state, _ = world(0, views=views)
    decisions, admitted, together = put_through(state, "clones", 3, 10_000)
    assert len(decisions) == 10_000
    # Within tau of each other: one a cell, and at most the lesson quota and itself over all cells.
    # Some of the texts are negated and others are not: two lessons to the rules on words, whatever their vector says.
    assert 1 <= len(admitted) <= 2 * (state.settings.lesson_quota + 1)
    assert collision_probability(together) <= max(state.collision_max, state.content.collision) + ROUNDING


@settings(max_examples=20)
@given(st.integers(0, 40), st.sampled_from(["one", "two"]))
def test_from_a_bad_corpus_every_admission_lowers_collision(seed: int, views: str) -> None:
    state, _ = world(seed % 3, views=views)
    rng = np.random.default_rng(seed)
    # Rows that some earlier training had seen: a third of the corpus is one lesson.
    bad = stream("clones", 120, rng) + (0.02 * rng.normal(size=(120, D))).astype(np.float32)
    context = unit(rng, 120) if views == "two" else bad
    state.restore(candidates(120, 777, views), context, bad)
    before = state.corpus_scope.collision()
    assert before > state.collision_max
    values = [before]
    original = state.commit

    def watched(item: Any) -> None:
        original(item)
        values.append(state.corpus_scope.collision())

    state.commit = watched  # type: ignore[method-assign]
    decisions, _, _ = put_through(state, "random", seed)
    over = [b for b in values if b > state.collision_max]
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(over))
    if len(values) == 1:
        assert any(d.reason for d in decisions)


def test_a_floor_behind_diversity_lets_junk_in() -> None:
    # Noise is far from everything, so diversity likes it best; only the floor knows that it is noise.
    def outcome(floor_first: bool) -> tuple[int, int]:
        state, _ = world(1)
        rng = np.random.default_rng(5)
        sound, junk = stream("clustered", 100, rng), unit(rng, 100)
        made = candidates(200, 5)
        refused = {c.id: Reject(Reason.GIBBERISH) for c in made[100:]}
        inputs = RoundInputs(refused if floor_first else {})
        x = np.vstack([sound, junk])
        admitted = {d.candidate.id for d in decide(made, x, x, state, inputs) if d.verdict is Verdict.ADMIT}
        # The mutant asks the floor last: what it refuses there has already taken its place in cells and budget.
        return len(admitted & set(refused)), len(admitted - set(refused))

    junk_first, sound_first = outcome(floor_first=True)
    junk_last, sound_last = outcome(floor_first=False)
    assert junk_first == 0
    assert junk_last > sound_last
    # And worse: noise makes room in the budget, so that more of what repeats itself passes as well.
    assert sound_last >= sound_first


@pytest.mark.parametrize("path", sorted(GATE.rglob("*.py")), ids=lambda path: path.name)
def test_no_threshold_is_written_into_the_gate(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    assert found == [], "thresholds are settings: see configs/default.toml"


def test_rows_outside_all_cells_never_count_in_one() -> None:
    state, _ = world(2)
    before = state.counts.sum()
    decisions, admitted, _ = put_through(state, "random", 9)
    dreams = sum(d.verdict is Verdict.ADMIT and d.cell == OUTSIDE for d in decisions)
    assert state.counts.sum() - before == len(admitted) - dreams
