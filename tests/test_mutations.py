"""Lines that were once wrong without any test's noticing: each test here fails if its line is changed as it was then.

The wrong lines come from a review by hand; `bench/mutation.py` looks for more of them.
"""

from __future__ import annotations

import math
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons
from scipy import stats
from test_gate import D, candidates, unit, world

from metrics.spectrum import collision_probability
from synthdata.api import Corpus
from synthdata.gate.calibrate import calibrate_content
from synthdata.gate.cells import centre
from synthdata.gate.heldout import HeldOut
from synthdata.gate.order import BINS_LOG2, dsir_scores
from synthdata.gate.reference import ReferenceRow
from synthdata.gate.round import decide
from synthdata.gate.state import GateState
from synthdata.monitor.alarms import TREND_TILES
from synthdata.monitor.starved import starved_by
from synthdata.monitor.status import real_share
from synthdata.monitor.webhook import post
from synthdata.records import OUTSIDE, Candidate, Decision, Origin, Reason, Verdict
from synthdata.rounds.steering import plan_of
from synthdata.settings import AnchorSettings, GateSettings, Settings, WebhookSettings

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 48}}}, "test")


def around(centre_row: Any, rng: np.random.Generator, n: int, cosine: float) -> Any:
    """Unit rows (n, d) at about this cosine to each other: a common direction and a direction of each row's own."""
    own = rng.normal(size=(n, centre_row.shape[-1]))
    own -= own @ centre_row[:, None] * centre_row
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    return (math.sqrt(cosine) * centre_row + math.sqrt(1 - cosine) * own).astype(np.float32)


# The round scope of the collision budget.


def test_a_round_that_repeats_one_idea_falls_on_its_own_scope_in_a_large_corpus() -> None:
    """2,000 spread rows hide sixty lessons about one thing; the scope of the round alone sees them."""
    rng = np.random.default_rng(11)
    state, _ = world(1, views="two")
    state.restore(candidates(2000, 400, "two"), unit(rng, 2000), unit(rng, 2000))
    vectors = around(unit(rng, 1)[0], rng, 60, 0.6) + state.content.mean
    decisions = decide(candidates(60, 500, "two"), unit(rng, 60), vectors, state)
    admitted = [d for d in decisions if d.verdict is Verdict.ADMIT]
    fallen = [d for d in decisions if d.reason is Reason.COLLISION_BUDGET]
    assert len({d.cell for d in decisions}) > 8, "many cells, so that no quota does the work of the budget"
    assert len(fallen) >= 20
    assert {d.detail for d in fallen} == {"together with this round's rows"}
    assert all(d.score is not None and d.threshold is not None and d.score > d.threshold for d in fallen)
    # The same from the vectors: the window with the admitted rows is within the budget, with any fallen one it is not.
    place = {c.id: i for i, c in enumerate(candidates(60, 500, "two"))}
    content, _ = centre(vectors, state.content.mean)
    rows = np.vstack([state.content.window, *(content[place[d.candidate.id]][None] for d in admitted)])
    limit = max(state.collision_max, collision_probability(state.content.window))
    assert collision_probability(rows) <= limit + 1e-9
    for d in fallen:
        assert collision_probability(np.vstack([rows, content[place[d.candidate.id]][None]])) > limit - 1e-9


def test_as_many_spread_rows_in_one_round_pass_both_scopes() -> None:
    rng = np.random.default_rng(12)
    state, _ = world(1, views="two")
    state.restore(candidates(2000, 400, "two"), unit(rng, 2000), unit(rng, 2000))
    decisions = decide(candidates(60, 501, "two"), unit(rng, 60), unit(rng, 60), state)
    assert not [d for d in decisions if d.reason is Reason.COLLISION_BUDGET]
    assert sum(d.verdict is Verdict.ADMIT for d in decisions) > 30


# The quota of contexts outside all cells.


def outside(state: GateState, rng: np.random.Generator, n: int) -> Any:
    """Raw context vectors (n, d) that lie outside all cells of the anchor."""
    half, rows = state.anchor.context, []
    while len(rows) < n:
        x = unit(rng, 200)
        rows += list(x[half.locate(x, state.settings.alpha_outside).outside])
    return np.array(rows[:n], dtype=np.float32)


def test_a_share_of_one_leaves_every_context_outside_the_cells_in() -> None:
    rng = np.random.default_rng(5)
    state, _ = world(2, views="two", out_of_distribution_share=1.0)
    decisions = decide(candidates(6, 21, "two"), outside(state, rng, 6), unit(rng, 6), state)
    assert {d.cell for d in decisions} == {OUTSIDE}
    assert [d.reason for d in decisions if d.verdict is not Verdict.ADMIT] == []


def test_real_rows_outside_the_cells_take_no_place_of_synthetic_ones() -> None:
    rng = np.random.default_rng(6)
    state, _ = world(2, views="two", out_of_distribution_share=0.1)
    made = candidates(10, 22, "two")
    rows = [Candidate(c.content, c.context, origin=Origin.REAL) for c in made[:9]] + made[9:]
    decisions = decide(rows, outside(state, rng, 10), unit(rng, 10), state)
    assert {d.cell for d in decisions} == {OUTSIDE}
    # One synthetic row in ten admitted ones is within the share; nine real ones beside it do not count against it.
    assert {d.verdict for d in decisions} == {Verdict.ADMIT}


@pytest.mark.parametrize("quantile", [0, 0.999])
def test_a_cell_is_filled_to_its_limit_and_not_one_row_further(quantile: float) -> None:
    """N_c + 1 <= max(slack * pi_c * (N + 1) + 1, what chance may bring), from scipy's own distributions."""
    rng = np.random.default_rng(7)
    state, _ = world(2, views="two", quota_quantile=quantile)
    real, settings = state.anchor.context.real_counts, state.settings
    start, one = state.rows, rng.normal(size=D)
    context = np.repeat((one / np.linalg.norm(one))[None].astype(np.float32), 60, axis=0)
    decisions = decide(candidates(60, 23, "two"), context, unit(rng, 60), state)
    (cell,) = {d.cell for d in decisions}
    assert cell is not None and cell != OUTSIDE
    here, total = int(real[cell]), int(real.sum())
    share = (here + 1) / (total + len(real))
    bound = float(stats.beta.ppf(settings.quota_confidence, here + 1, total - here))

    def limit(rows: int) -> float:
        chance = stats.binom.ppf(quantile, rows, bound) if quantile else 0
        return max(settings.quota_slack * share * rows + 1, float(chance))

    expected = 0
    while here + expected + 1 <= limit(start + expected + 1):
        expected += 1
    others = [d for d in decisions if d.reason not in (None, Reason.CELL_QUOTA)]
    assert len(decisions) - len(others) > expected, "the cell must be crowded for this to show anything"
    assert sum(d.verdict is Verdict.ADMIT for d in decisions) == expected


# The order of a round.


def features(text: str) -> Counter[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]+", text.lower())
    return Counter([(t,) for t in tokens] + list(pairwise(tokens)))


def test_the_weight_of_the_order_is_the_papers() -> None:
    """Sum of log ratios over the square root of the number of features (2302.03169), by a plain second count.

    Few words, so that no two features share one of the 8,192 bins; the noise is that of the candidate's id and cancels.
    """
    reference = ["open the door then look around", "take the key and open the door"]
    contents = ["open the door", "open the door open the door open the door", "look at a lamp; then wait", ""]

    def log_shares(texts: list[str]) -> tuple[Counter[tuple[str, ...]], int]:
        counts = sum((features(text) for text in texts), Counter[tuple[str, ...]]())
        return counts, sum(counts.values()) + (1 << BINS_LOG2)

    (target, n), (raw, m) = log_shares(reference), log_shares(contents)

    def weight(text: str) -> float:
        found = features(text)
        total = sum(k * (math.log((target[f] + 1) / n) - math.log((raw[f] + 1) / m)) for f, k in found.items())
        return total / math.sqrt(sum(found.values())) if found else 0.0

    ids = ["a", "b", "c", "d"]
    scores = dsir_scores(ids, contents, reference, 3)
    # The empty text of each id has the noise alone: the order's features of the round do not change by it.
    noise = [dsir_scores([name], [""], reference, 3)[0] for name in ids]
    found = [score - own for score, own in zip(scores, noise, strict=True)]
    assert found == pytest.approx([weight(text) for text in contents], abs=1e-9)


# The held-out list.


def grams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


def test_an_edit_just_over_the_share_is_always_found() -> None:
    """The sketch only proposes: it must not lose texts that share as much as is asked for, by the luck of a hash."""
    rng, settings = random.Random(8), GateSettings()
    held = [" ".join(f"w{rng.randrange(10**6)}" for _ in range(90)) for _ in range(60)]
    found = HeldOut(held, settings=settings)
    tried = 0
    for text in held:
        words = text.split()
        # Every eighth word differs, which breaks a third of all sequences of three and every one of thirteen.
        edited = [f"x{i}" if i % 8 == 4 else word for i, word in enumerate(words)]
        share = len(grams(text) & grams(" ".join(edited))) / len(grams(text))
        if settings.contaminated_share <= share < settings.contaminated_share + 0.06:
            tried += 1
            overlap = found.overlap(" ".join(edited))
            assert overlap is not None and overlap.kind == "edit of a held-out text"
            assert overlap.score == pytest.approx(share)
    assert tried >= 50


# Numbers that people read.


def test_a_round_starves_under_one_admission_in_ten() -> None:
    assert starved_by({"generic": 9}, 1) == ""
    assert starved_by({"generic": 10}, 1).startswith("Says nothing of its own took 10 of 11 candidates: ")
    assert starved_by({"generic": 18, "loop": 9}, 3) == ""
    assert starved_by({"generic": 19, "loop": 9}, 3).startswith("Says nothing of its own took 19 of 31 candidates: ")
    assert starved_by({}, 0) == ""
    assert starved_by({"generic": 1}, 0).startswith("Says nothing of its own took 1 of 1 ")


def test_the_real_share_by_hand() -> None:
    corpus = world(3)[0]
    anchor = corpus.anchor
    real = int(anchor.context.real_counts.sum()) + anchor.heldout_rows
    frame = pl.DataFrame({"origin": ["real"] * 3 + ["synthetic"] * 5 + ["on_policy"] * 2})
    assert real_share(anchor, frame) == (real + 3) / (real + 10)
    assert real_share(anchor, frame.clear()) == 1.0


@given(st.lists(st.sampled_from([0.2, 0.5, 0.9, 0.999]), min_size=3, max_size=3), st.integers(0, 5))
def test_tau_stays_between_its_bounds(cosines: list[float], seed: int) -> None:
    """Pairs of tasks at one cosine put the percentile anywhere; what is used is clipped to [tau_min, tau_max]."""
    rng = np.random.default_rng(seed)
    base = np.vstack([around(row, rng, 2, c) for c in cosines for row in unit(rng, 4, 48)])
    settings = AnchorSettings(tau_rows=2)
    texts = lessons(len(base), seed)
    names = [f"t{i}" for i in range(len(base))]
    half = calibrate_content(base, texts, names, names, "reference", settings)
    assert settings.tau_min <= half.tau <= settings.tau_max
    x, _ = centre(base, base.mean(axis=0))
    products = x.astype(np.float64) @ x.T.astype(np.float64)
    np.fill_diagonal(products, -1)
    raw = float(np.percentile(products.max(axis=1), settings.tau_percentile))
    assert half.tau == pytest.approx(min(max(raw, settings.tau_min), settings.tau_max), abs=1e-5)


# The webhook.


class Redirecting(BaseHTTPRequestHandler):
    statuses: tuple[int, ...] = ()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    made.status, made.asked = 200, 0
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("status", "problem", "asked"),
    [(200, "", 1), (204, "", 1), (299, "", 1), (301, "status 301", 2), (302, "status 302", 2), (307, "status 307", 2),
     (399, "status 399", 2), (400, "status 400", 1), (429, "status 429", 2), (500, "status 500", 2)],
)  # fmt: skip
def test_only_a_status_under_300_counts_as_delivered(server: Any, status: int, problem: str, asked: int) -> None:
    server.status = status
    settings = WebhookSettings(attempts=2, pause_seconds=0)
    assert post(f"http://127.0.0.1:{server.server_address[1]}/", {"a": 1}, settings) == problem
    assert server.asked == asked


# Steering.


def test_an_alarm_counts_the_rows_of_the_last_rounds_and_no_others(tmp_path: Path) -> None:
    """Rounds 1 to 8, the last one red; with `recent_rounds = 2` only rounds 7 and 8 say what the generator brings."""
    settings = HASHING.with_value("recipe.steering.recent_rounds", 2)
    rows = [ReferenceRow(text, f"about {text}", f"t{i}") for i, text in enumerate(lessons(200, 3))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=settings)
    store, cells = corpus.store, len(corpus.anchor.context.centroids)
    vector = np.ones(48, dtype=np.float32) / math.sqrt(48)
    with store.writing():
        for number in range(1, 9):
            # All cells once, but each of the first three only in one round: before the last two, in them, never.
            named = [*range(3, cells), *{6: [0, 0, 0], 7: [1, 1, 1]}.get(number, [])]
            decisions = [
                Decision(Candidate(f"round {number} row {i}", "x"), Verdict.ADMIT, "admit", cell=c)
                for i, c in enumerate(named)
            ]
            kept = {d.candidate.id: (vector, vector) for d in decisions}
            store.commit_round(decisions, kept, round_key=f"k{number}", recipe="r", anchor=0)
            fallen = 20.0 if number < 6 else 2.0
            values = [("n2", fallen + number % 2), ("cell_hill_1", fallen + number % 2), ("rows", 50.0)]
            store.write_snapshot(
                number,
                [{"view": "raw", "metric": m, "value": v, "low": None, "high": None, "note": ""} for m, v in values],
            )
    plan = plan_of(store, corpus.anchor, settings.recipe)
    assert plan.level != "calm" and set(plan.because) & TREND_TILES
    assert {0, 2} <= set(plan.under), "a cell that only an older round brought is under-covered now"
    assert 1 not in plan.under
