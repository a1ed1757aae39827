"""The gate's guarantees on streams of vectors, and its decisions on texts; no model, no disk."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import edit, lessons
from scipy import stats

from metrics.spectrum import collision_probability
from synthdata.errors import AnchorError
from synthdata.gate.anchor import Anchor, AnchorHeader, load_anchor, save_content, save_context
from synthdata.gate.calibrate import calibrate, collision_with_error
from synthdata.gate.cells import centre
from synthdata.gate.meaning import same_meaning
from synthdata.gate.reference import Reference, ReferenceRow, clean
from synthdata.gate.round import decide
from synthdata.gate.state import GateState, RoundInputs
from synthdata.records import Candidate, Decision, Origin, Reason, Reject, Verdict
from synthdata.settings import AnchorSettings, GateSettings
from synthdata.similarity.encoder import HashingEncoder

D = 24


def unit(rng: np.random.Generator, n: int, d: int = D) -> Any:
    x = rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def world(seed: int, rows: int = 220, views: str = "one", **gate: Any) -> tuple[GateState, Reference]:
    rng = np.random.default_rng(seed)
    vectors = unit(rng, rows)
    texts = lessons(rows, seed)
    context = unit(rng, rows) if views == "two" else vectors
    made = [ReferenceRow(t, f"about {t}" if views == "two" else "", f"t{i}") for i, t in enumerate(texts)]
    anchors, gates = AnchorSettings(), GateSettings(**gate)
    reference = clean(made, context, vectors, anchors, gates)
    anchor = calibrate(reference, AnchorHeader(0, views, "test"), anchors)  # type: ignore[arg-type]
    return GateState(anchor, reference, gates), reference


def stream(kind: str, n: int, rng: np.random.Generator) -> Any:
    if kind == "random":
        return unit(rng, n)
    centres = unit(rng, 4)
    noise = {"clustered": 0.6, "adversarial": 0.25, "clones": 0.0}[kind]
    picked = centres[rng.integers(1 if kind == "clones" else 4, size=n)]
    x = picked + noise * rng.normal(size=(n, D)) / np.sqrt(D)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def most_of_cell(state: GateState, cell: int) -> float:
    """What guarantee 2 allows the cell with the next row: its slack share and one, or what chance may put there."""
    gate, real = state.settings, state.real_counts
    share = (real[cell] + 1) / (real.sum() + len(real))
    bound = stats.beta.ppf(gate.quota_confidence, real[cell] + 1, real.sum() - real[cell])
    chance = stats.binom.ppf(gate.quota_quantile, state.rows + 1, bound)
    return max(gate.quota_slack * share * (state.rows + 1) + 1, float(chance))


def candidates(n: int, seed: int, views: str = "one") -> list[Candidate]:
    texts = lessons(n, 10_000 + seed)
    return [Candidate(t, f"about {i}" if views == "two" else "") for i, t in enumerate(texts)]


@settings(max_examples=25)
@given(
    st.sampled_from(["random", "clustered", "adversarial", "clones"]),
    st.integers(0, 50),
    st.sampled_from(["one", "two"]),
)
def test_floor_drift_and_separation_hold_at_every_admission(kind: str, seed: int, views: str) -> None:
    state, _ = world(seed % 3, views=views)
    rng = np.random.default_rng(seed)
    content = stream(kind, 150, rng)
    context = unit(rng, 150) if views == "two" else content
    start = state.corpus_scope.collision()
    limit = max(state.collision_max, start) + 1e-9
    admitted: list[Any] = []
    original = state.commit

    def watched(item: Any) -> None:
        if not item.outside:
            assert state.counts[item.cell] + 1 <= most_of_cell(state, item.cell)
        original(item)
        admitted.append(item)
        rows = np.vstack([state.content.window, *(a.content[None] for a in admitted)])
        assert collision_probability(rows) <= limit
        assert state.corpus_scope.collision() == pytest.approx(collision_probability(rows), abs=1e-9)

    state.commit = watched  # type: ignore[method-assign]
    decisions = decide(candidates(150, seed, views), context, content, state)
    assert len(decisions) == 150
    assert len({d.candidate.id for d in decisions}) == 150
    for i, a in enumerate(admitted):
        near = [
            b
            for b in admitted
            if b is not a
            and float(a.content @ b.content) >= state.tau
            and same_meaning(a.candidate.content, b.candidate.content)
        ]
        # What says the same about the same is a copy, whatever its cell; in one view everything is about the same.
        assert all(views == "two" and a.candidate.context != b.candidate.context for b in near)
        assert len(near) <= state.settings.lesson_quota, i
    outside = sum(a.outside for a in admitted)
    assert outside <= state.settings.out_of_distribution_share * max(1, len(admitted))


def test_a_burst_of_clones_adds_a_handful() -> None:
    state, _ = world(0)
    rng = np.random.default_rng(1)
    centre_row = unit(rng, 1)
    x = centre_row + 0.02 * rng.normal(size=(2000, D)).astype(np.float32)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    decisions = decide(candidates(2000, 5), x, x, state)
    # Some of these texts are negated and others are not, which one cosine does not make copies.
    assert sum(d.verdict is Verdict.ADMIT for d in decisions) <= 4


@pytest.mark.parametrize("reference_order", [True, False])
def test_decisions_do_not_depend_on_the_order_of_arrival(reference_order: bool) -> None:
    rng = np.random.default_rng(3)
    vectors, made = stream("clustered", 120, rng), candidates(120, 3)
    outcomes = []
    for seed in (0, 1, 2):
        state, reference = world(1)
        order = list(range(120))
        random.Random(seed).shuffle(order)
        texts = [row.content for row in reference.rows] if reference_order else []
        decided = decide([made[i] for i in order], vectors[order], vectors[order], state, RoundInputs(reference=texts))
        outcomes.append([(d.candidate.id, d.verdict, d.reason, d.score) for d in decided])
    assert outcomes[0] == outcomes[1] == outcomes[2]


def decided_texts(texts: list[str], reference_rows: int = 300, **fields: Any) -> tuple[list[Decision], GateState]:
    encoder = HashingEncoder(128)
    known = lessons(reference_rows, 7)
    vectors = encoder.encode(known)
    rows = [ReferenceRow(t, "", f"t{i}") for i, t in enumerate(known)]
    anchors, gates = AnchorSettings(), GateSettings()
    reference = clean(rows, vectors, vectors, anchors, gates)
    anchor = calibrate(reference, AnchorHeader(0, "one", encoder.fingerprint), anchors)
    state = GateState(anchor, reference, gates)
    seen: Counter[str] = Counter()
    made = []
    for text in texts:
        made.append(Candidate(text, occurrence=seen[text], **fields))
        seen[text] += 1
    x = encoder.encode(texts)
    return decide(made, x, x, state, RoundInputs(reference=[row.content for row in reference.rows])), state


def test_of_copies_edits_and_reference_copies_one_at_most_survives() -> None:
    fresh = lessons(40, 99)
    rng = random.Random(4)
    texts = fresh + fresh + [edit(text, rng) for text in fresh] + lessons(300, 7)[:20]
    decisions, _ = decided_texts(texts)
    counts = Counter(str(d.reason or d.verdict) for d in decisions)
    assert sum(counts.values()) == len(texts)
    assert counts["exact_duplicate"] >= 20
    families: Counter[str] = Counter()
    for decision in decisions:
        if decision.verdict is Verdict.ADMIT:
            families[decision.candidate.content.lower()] += 1
    assert max(families.values()) == 1
    copy = next(d for d in decisions if d.reason is Reason.EXACT_DUPLICATE)
    assert copy.neighbour_id and copy.neighbour_text


def test_real_rows_skip_quota_and_collision_but_not_exact() -> None:
    fresh = lessons(400, 5, topics=2)
    synthetic, _ = decided_texts(fresh)
    real, state = decided_texts([*fresh, fresh[0]], origin=Origin.REAL, lineage_depth=0)
    assert sum(d.verdict is Verdict.ADMIT for d in real) == 400
    assert sum(d.verdict is Verdict.ADMIT for d in synthetic) < 400
    assert [d.reason for d in real if d.verdict is Verdict.REJECT] == [Reason.EXACT_DUPLICATE]
    assert state.real_counts.sum() > 400


def test_lineage_contamination_and_floor_come_first() -> None:
    from synthdata.gate.heldout import HeldOut

    old, reference = world(0)
    texts = lessons(4, 50)
    made = [Candidate(texts[0], lineage_depth=2), *(Candidate(t) for t in texts[1:])]
    state = GateState(old.anchor, reference, old.settings, HeldOut([texts[1].upper()]))
    inputs = RoundInputs({made[2].id: Reject(Reason.SECRET, detail="a key")})
    x = unit(np.random.default_rng(8), 4)
    reasons = {d.candidate.content: d.reason for d in decide(made, x, x, state, inputs)}
    assert reasons[texts[0]] is Reason.LINEAGE_DEPTH
    assert reasons[texts[1]] is Reason.CONTAMINATED
    assert reasons[texts[2]] is Reason.SECRET


def test_skeletons_saturate_where_cosine_sees_nothing() -> None:
    # One frame with ever new quoted names: what small models do.
    texts = [
        f'The task has no use for "{a} {b}", so leave it there.'
        for a, b in zip(*[iter(lessons(80, 3))] * 2, strict=True)
    ]
    rng = np.random.default_rng(2)
    state, _ = world(0)
    x = unit(rng, len(texts))
    decisions = decide([Candidate(t) for t in texts], x, x, state)
    admitted = sum(d.verdict is Verdict.ADMIT for d in decisions)
    assert admitted <= state.settings.skeleton_rows
    assert any(d.reason is Reason.LEXICAL_SATURATION for d in decisions)


def test_jackknife_error_matches_leave_one_out() -> None:
    x, _ = centre(unit(np.random.default_rng(0), 40), np.zeros(D, dtype=np.float32))
    value, error = collision_with_error(x)
    left = np.array([collision_probability(np.delete(x, i, axis=0)) for i in range(40)])
    assert value == pytest.approx(collision_probability(x))
    assert error == pytest.approx(np.sqrt(39 / 40 * ((left - left.mean()) ** 2).sum()))


def test_too_small_or_uniform_references_are_refused() -> None:
    rows = [ReferenceRow(t, "", str(i)) for i, t in enumerate(lessons(40, 1))]
    x = unit(np.random.default_rng(0), 40)
    with pytest.raises(AnchorError, match="add 60 more"):
        clean(rows, x, x, AnchorSettings(), GateSettings())
    same = [ReferenceRow("the same text again and again", "", str(i)) for i in range(200)]
    with pytest.raises(AnchorError, match="1 distinct rows of 200"):
        clean(same, np.tile(x[:1], (200, 1)), np.tile(x[:1], (200, 1)), AnchorSettings(), GateSettings())


def test_anchor_files_round_trip_and_are_immutable(tmp_path: Any) -> None:
    state, _ = world(0)
    anchor: Anchor = state.anchor
    assert anchor.content is not None
    save_content(tmp_path, anchor.content)
    save_context(tmp_path, anchor)
    again = load_anchor(tmp_path)
    assert again.fingerprint == anchor.fingerprint
    assert again.content is not None and again.content.window_ids == anchor.content.window_ids
    with pytest.raises(AnchorError, match="immutable"):
        save_context(tmp_path, anchor)
    with pytest.raises(AnchorError, match="cannot be compared"):
        again.check_encoder("other")
    assert replace(anchor, encoder="x").fingerprint != anchor.fingerprint


def test_heldout_tasks_reach_no_threshold() -> None:
    rng = np.random.default_rng(0)
    vectors, texts = unit(rng, 200), lessons(200, 2)
    rows = [ReferenceRow(t, "", f"task {i // 4}") for i, t in enumerate(texts)]
    reference = clean(rows, vectors, vectors, AnchorSettings(), GateSettings())
    aside = {r.task_id for r, h in zip(reference.rows, reference.heldout, strict=True) if h}
    kept = {r.task_id for r, h in zip(reference.rows, reference.heldout, strict=True) if not h}
    assert aside and not aside & kept
    assert 0.2 < reference.heldout.mean() <= 0.3
    changed = vectors.copy()
    index = {r.content: i for i, r in enumerate(rows)}
    held = [index[r.content] for r, h in zip(reference.rows, reference.heldout, strict=True) if h]
    changed[held] = unit(rng, len(held))
    again = clean(rows, changed, changed, AnchorSettings(), GateSettings())
    header = AnchorHeader(0, "one", "x")
    first, second = calibrate(reference, header, AnchorSettings()), calibrate(again, header, AnchorSettings())
    assert first.content is not None and second.content is not None
    assert first.content.collision == second.content.collision


def test_no_rows_are_centred_to_no_rows():
    rows, norms = centre(np.empty((0, 0), dtype=np.float32), np.zeros(8, dtype=np.float32))
    assert rows.shape == (0, 8) and norms.shape == (0,)
