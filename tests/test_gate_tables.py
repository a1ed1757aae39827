"""What to expect of the gate on real text: a table, the same for two views, and a generator that narrows."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sample_texts import lessons

from metrics.spectrum import effective_number
from synthdata.api import Corpus
from synthdata.gate.anchor import AnchorHeader
from synthdata.gate.calibrate import calibrate
from synthdata.gate.cells import centre
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.gate.round import decide
from synthdata.gate.state import GateState, RoundInputs
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.records import Candidate, Decision, Origin, Verdict
from synthdata.rounds.steps import read_runs, reflect_on, render
from synthdata.settings import AnchorSettings, GateSettings, RuntimeSettings, Settings
from synthdata.similarity.encoder import make_encoder

# All rows calibrate, as in the prototype whose figures are checked.
ANCHOR = AnchorSettings(heldout_share=0)
SETTINGS = Settings()
Vectors = Any


@pytest.fixture(scope="module")
def instructions(shared_data: Path) -> tuple[list[str], Vectors, list[str], Vectors]:
    """The human instructions and the generated ones, with their vectors."""
    folder = shared_data / "div-self-instruct-seeds"
    human = []
    for name in ("seed_tasks.jsonl", "user_oriented_instructions.jsonl"):
        lines = (folder / name).read_text(encoding="utf-8").split("\n")
        human += [json.loads(line)["instruction"] for line in lines if line]
    rows = json.loads(gzip.decompress((folder / "code_alpaca_2k.json.gz").read_bytes()))
    code = [row["instruction"] for row in rows]
    encoder = make_encoder(SETTINGS.recipe.encoder, RuntimeSettings())
    return human, encoder.encode(human), code, encoder.encode(code)


def gate_over(texts: Sequence[str], vectors: Vectors) -> tuple[GateState, list[str]]:
    rows = [ReferenceRow(text, "", f"task {i}") for i, text in enumerate(texts)]
    reference = clean(rows, vectors, vectors, ANCHOR, GateSettings())
    anchor = calibrate(reference, AnchorHeader(0, "one", "minilm"), ANCHOR)
    return GateState(anchor, reference, GateSettings()), [row.content for row in reference.rows]


def numbered(texts: Sequence[str]) -> list[Candidate]:
    return [Candidate(text, external_id=str(i)) for i, text in enumerate(texts)]


def together(state: GateState, decisions: Sequence[Decision], vectors: dict[str, Vectors]) -> tuple[int, float, float]:
    """How many were admitted, and N2 of them and of W with them."""
    ids = [d.candidate.id for d in decisions if d.verdict is Verdict.ADMIT]
    rows = np.array([vectors[i] for i in ids], dtype=np.float32)
    return len(ids), effective_number(rows), effective_number(np.vstack([state.content.window, rows]))


def outcome(state: GateState, texts: Sequence[str], x: Vectors, order: list[str]) -> tuple[Any, Counter[str]]:
    made = numbered(texts)
    decisions = decide(made, x, x, state, RoundInputs(reference=order))
    centred = {item.candidate.id: item.content for item in state.items(made, x, x)}
    return together(state, decisions, centred), Counter(str(d.reason) for d in decisions if d.reason)


@pytest.mark.slow
def test_one_half_of_human_text_passes_against_the_other(instructions: Any) -> None:
    human, vectors, _, _ = instructions
    order = list(range(len(human)))
    random.Random(0).shuffle(order)
    first, second = order[: len(order) // 2], order[len(order) // 2 :]
    state, real = gate_over([human[i] for i in first], vectors[first])
    (admitted, n2, both), _ = outcome(state, [human[i] for i in second], vectors[second], real)
    assert admitted >= 0.94 * len(second)  # 213 of 214; here 203, of which 8 fell to the cells of 213 rows
    assert n2 == pytest.approx(90, rel=0.1)
    assert both >= 1 / state.collision_max


@pytest.mark.slow
def test_generated_instructions_fill_their_cells_and_the_budget(instructions: Any) -> None:
    human, vectors, code, x = instructions
    state, real = gate_over(human, vectors)
    assert 1 / state.content.collision == pytest.approx(90, rel=0.02)
    assert 1 / state.collision_max == pytest.approx(85.8, rel=0.02)
    (admitted, n2, both), reasons = outcome(state, code, x, real)
    assert both == pytest.approx(1 / state.collision_max, rel=0.01)
    assert both >= 1 / state.collision_max
    assert 50 <= n2 <= 66  # 55
    # 1,077 where a cell may hold what chance could put there; 1,654 by the slack alone.
    assert reasons["cell_quota"] >= 1000
    # 289 in the prototype. Its cells and the outside rule differ by seed and reading: between 213 where every outlying
    # context is a dream and 348 where none is (LOG).
    assert 400 <= admitted <= 700  # 542, the floor being the same; 280 by the slack alone


@pytest.mark.slow
def test_noisy_copies_under_tau_meet_the_budget(instructions: Any) -> None:
    human, vectors, _, _ = instructions
    state, real = gate_over(human, vectors)
    rng = np.random.default_rng(0)
    picked = rng.permutation(len(human))[:50]
    noise = rng.normal(size=(1000, vectors.shape[1]))
    base = np.repeat(vectors[picked], 20, axis=0)
    noise -= (noise * base).sum(axis=1, keepdims=True) * base
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    x = (0.87 * base + np.sqrt(1 - 0.87**2) * noise).astype(np.float32)
    # Only vectors are in question here, so no text is like another.
    made = numbered(lessons(1000, 3))
    decisions = decide(made, x, x, state, RoundInputs(reference=real))
    centred = {item.candidate.id: item.content for item in state.items(made, x, x)}
    admitted, _, both = together(state, decisions, centred)
    reasons = Counter(str(d.reason) for d in decisions if d.reason)
    assert both == pytest.approx(1 / state.collision_max, rel=0.01)
    assert both >= 1 / state.collision_max
    assert 155 <= admitted <= 210  # 182; here 170
    assert reasons["collision_budget"] >= 750  # 818; here 780, and 50 by the cells


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_views_from_runs_with_a_talker_hold_both_promises(shared_data: Path) -> None:
    """Contexts of the airline runs carry the cells, scripted reflections on them the budget."""
    path = shared_data / "traj-tau-bench-airline"
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 256}}})
    encoder = make_encoder(settings.recipe.encoder, RuntimeSettings())
    runs = {run.id: run for run in read_runs(path, Origin.REAL, settings)[0]}
    reviews = reflect_on(list(runs.values()), ScriptedGenerator(), settings.recipe, bytes(32))
    made = render(reviews, runs)[0]
    half = len(made) // 2
    taught = [ReferenceRow(c.content, c.context, c.task_id or c.trajectory_id) for c in made[:half]]
    x = encoder.encode([row.context for row in taught]), encoder.encode([row.content for row in taught])
    reference = clean(taught, *x, AnchorSettings(heldout_share=0, min_rows=30), GateSettings())
    anchor = calibrate(reference, AnchorHeader(0, "two", "h"), AnchorSettings(heldout_share=0, min_rows=30))
    state = GateState(anchor, reference, GateSettings())
    rest = made[half:]
    context, content = encoder.encode([c.context for c in rest]), encoder.encode([c.content for c in rest])
    inputs = RoundInputs(reference=[row.content for row in reference.rows])
    decisions = decide(rest, context, content, state, inputs)
    centred = {item.candidate.id: item.content for item in state.items(rest, context, content)}
    admitted, _, both = together(state, decisions, centred)
    assert len(decisions) == len(rest)
    assert admitted >= 5
    assert both >= 1 / max(state.collision_max, state.content.collision) - 1e-6
    real = state.real_counts
    share = (real + 1) / (real.sum() + len(real))
    filled = state.counts > anchor.context.real_counts
    assert (state.counts[filled] <= state.settings.quota_slack * share[filled] * state.rows + 1).all()


class Given:
    """An encoder that knows its texts: the vectors of a stream that is made as vectors."""

    fingerprint = "given"
    dim = 24

    def __init__(self) -> None:
        self.table: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.array([self.table[text] for text in texts], dtype=np.float32).reshape(-1, self.dim)


@pytest.mark.slow
def test_a_generator_that_narrows_starves_before_the_floor_gives_way(tmp_path: Path) -> None:
    """Ten rounds whose contents crowd ever closer round ever fewer centres; the reference has contents."""
    rng, encoder = np.random.default_rng(1), Given()

    def unit(x: Vectors) -> Vectors:
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    real, centres = lessons(220, 1), unit(rng.normal(size=(64, 24)))
    encoder.table |= dict(zip(real, unit(rng.normal(size=(220, 24))), strict=True)) | {"": np.zeros(24)}
    texts = [text for text in lessons(2300, 2) if text not in encoder.table][:2000]
    corpus = Corpus.init(tmp_path / "c", [ReferenceRow(t, "", t[:9]) for t in real], encoder=encoder)
    half = corpus.anchor.content
    assert half is not None
    rows, admitted = list(half.window), []
    for number in range(10):
        kept, spread = centres[: max(1, 64 >> number)], 1.2 * 0.6**number
        x = kept[rng.integers(len(kept), size=200)] + spread * rng.normal(size=(200, 24)) / np.sqrt(24)
        mine = texts[200 * number : 200 * number + 200]
        encoder.table |= dict(zip(mine, unit(x), strict=True))
        report = corpus.admit([Candidate(text) for text in mine])
        for decision in report.admitted:
            rows.append(centre(encoder.encode([decision.candidate.content]), half.mean)[0][0])
            assert effective_number(np.array(rows)) >= 1 / half.collision_max - 1e-3
        admitted.append(report.counts["admit"])
    raw = corpus.store.snapshots().filter((pl.col("view") == "raw") & (pl.col("metric") == "n2")).sort("round")["value"]
    assert len(raw) == 10 and raw[0] > 12 and raw[9] < 2
    assert raw[9] < raw[6] < raw[3] < raw[0]
    assert admitted[0] >= 20
    assert sum(admitted[5:]) <= 0.2 * sum(admitted[:5])
