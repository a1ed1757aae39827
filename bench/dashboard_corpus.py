"""A corpus of any number of decisions for the dashboard: hashed vectors, thirty rounds of which the last ten collapse.

Decisions are committed to the store directly, without the gate, which has benchmarks of its own; snapshots hold drawn
numbers. Texts, cells, vectors, neighbours and runs are what the pages would meet.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthdata.api import Corpus
from synthdata.gate.cells import assign, centre
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.measure import row
from synthdata.records import Candidate, Decision, Reason, Step, Trajectory, Verdict
from synthdata.settings import Settings

TOPICS, RUNS, REAL = 12, 240, 600
# Stage, reason and weight of what becomes of a candidate.
FATES = (
    ("admit", None, 20),
    ("floor", Reason.UNGROUNDED, 12),
    ("floor", Reason.TOO_SHORT, 4),
    ("exact", Reason.EXACT_DUPLICATE, 8),
    ("semantic", Reason.SEMANTIC_DUPLICATE, 16),
    ("judge", Reason.JUDGE_REJECTED, 8),
    ("lexical", Reason.LEXICAL_SATURATION, 6),
    ("quota", Reason.CELL_QUOTA, 16),
    ("collision", Reason.COLLISION_BUDGET, 9),
    ("read", Reason.MALFORMED, 1),
)
# Of a tile: where it starts, how far it moves in the collapse, half the width of real text's band.
COURSES = {
    "n2": (70.0, -45.0, 8.0),
    "vendi_1": (120.0, -60.0, 12.0),
    "cell_hill_1": (14.0, -6.0, 1.2),
    "coverage": (0.82, -0.4, 0.06),
    "precision": (0.9, 0.02, 0.05),
    "mmd2": (0.01, 0.08, 0.01),
    "tail_coverage": (0.5, -0.3, 0.06),
    "distinct_3": (0.9, -0.2, 0.03),
    "compression_ratio": (2.4, 0.9, 0.15),
    "self_repetition": (1.6, 1.2, 0.3),
    "skeleton_hill_1": (220.0, -120.0, 20.0),
}


def texts(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Distinct sentences about one of twelve topics with words of their own, and which topic each is about."""
    letters, rng = random.Random(0), random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = [["".join(letters.choices(syllables, k=3)) for _ in range(60)] for _ in range(TOPICS)]
    common = "when before after the a step of run look check again never first this that with".split()
    topics = [rng.choices(range(TOPICS), weights=range(1, TOPICS + 1))[0] for _ in range(count)]
    made = []
    for number, topic in enumerate(topics):
        own, rest = rng.choices(words[topic], k=9), rng.choices(common, k=9)
        mixed = [word for pair in zip(own, rest, strict=True) for word in pair]
        made.append(f"{' '.join(mixed).capitalize()}, case {seed}-{number}.")
    return made, topics


def corpus_of(path: Path, decisions: int, rounds: int = 30, dim: int = 64) -> Corpus:
    """A corpus of that many decisions over that many rounds; a one-view corpus with every fate and three releases."""
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": dim}}})
    real, topics = texts(REAL, 1)
    rows = [
        ReferenceRow(text, "", f"task {i}", f"topic {t}") for i, (text, t) in enumerate(zip(real, topics, strict=True))
    ]
    corpus = Corpus.init(path, rows, settings=settings)
    runs = [
        Trajectory(f"task {i}", (Step(0, "agent", "look", "what is here?"), Step(1, "agent", f"take {i}", "mine")))
        for i in range(RUNS)
    ]
    with corpus.store.writing() as store:
        store.add_experience(runs)
        for number in range(1, rounds + 1):
            size = decisions // rounds + (number <= decisions % rounds)
            made, vectors = _round(corpus, number, size, runs)
            store.commit_round(made, vectors, round_key=f"key {number}", recipe="drawn", anchor=0)
            store.write_snapshot(number, _snapshot(number, rounds, corpus.store.admitted(columns=["id"]).height))
        ids = sorted(store.admitted_ids())
        for number in range(3):
            added = ids[number::3]
            said = {"out": f"release-{number}", "rows": len(added), "added": added, "removed": []}
            store.append_event("release", f"release {number}", said, rounds)
    return corpus


def _round(
    corpus: Corpus, number: int, size: int, runs: Sequence[Trajectory]
) -> tuple[list[Decision], dict[str, tuple[None, np.ndarray]]]:
    made, _ = texts(size, 1000 + number)
    anchor, rng = corpus.anchor, random.Random(number)
    x = corpus.encoder.encode(made) if made else np.zeros((0, 1), dtype=np.float32)
    cells, _ = assign(centre(x, anchor.context.mean)[0], anchor.context.centroids) if made else (np.zeros(0), None)
    fates = rng.choices(FATES, weights=[weight for _, _, weight in FATES], k=size)
    decided, vectors = [], {}
    for i, (text, (stage, reason, _)) in enumerate(zip(made, fates, strict=True)):
        # The prolific few cells of the collapse: what lies elsewhere is refused.
        run = runs[rng.randrange(len(runs))].id
        candidate = Candidate(
            text, external_id=f"row {number}-{i}", trajectory_id=run, generator="drawn", source="bench"
        )
        verdict = Verdict.ADMIT if stage == "admit" else Verdict.QUARANTINE if stage == "read" else Verdict.REJECT
        near = made[i - 1] if stage in ("exact", "semantic") and i else ""
        numbers = {"similarity": rng.random(), "cell_rows": float(i)}
        decision = Decision(
            candidate, verdict, stage, reason, rng.random() if reason else None, 0.5 if reason else None,
            decided[-1].candidate.id if near else "", near, "", int(cells[i]), numbers,
            "drawn judge" if stage in ("judge", "admit") else "none",
        )  # fmt: skip
        decided.append(decision)
        if stage in ("admit", "quota", "collision", "lexical", "semantic"):
            vectors[candidate.id] = (None, x[i])
    decided.sort(key=lambda item: item.verdict is not Verdict.ADMIT)
    return decided, vectors


def _snapshot(number: int, rounds: int, admitted: int) -> list[dict[str, object]]:
    rng, rows = random.Random(f"snapshot {number}"), []
    slide = max(0.0, number / rounds - 2 / 3) * 3
    for name, (start, move, half) in COURSES.items():
        value = start + move * slide + rng.gauss(0, half / 4)
        rows.append(row("raw", name, value, (start - half, start + half)))
    rows += [
        row("raw", "judge_pass_rate", 0.7 + rng.gauss(0, 0.02)),
        row("admitted", "n2", 64 + 4 * math.log(number)),
        row("admitted", "real_share", REAL / (REAL + admitted)),
        row("admitted", "lineage_depth", 1.0),
        row("admitted", "lineage_depth_max", 1.0),
    ]
    judged = {"judged": 100.0, "canary_bad": 120.0, "canary_bad_passed": 1.0, "canary_good": 110.0}
    judged |= {"canary_good_passed": 108.0, "judge_void": 0.0, "audit_refused": 4.0, "audit_passes": 60.0}
    shares = {
        "canary_fpr": (1 / 120, 0.0, 0.046),
        "canary_tpr": (0.98, 0.936, 0.998),
        "audit_gap": (0.067, 0.018, 0.16),
    }
    rows += [row("judge", name, value) for name, value in judged.items()]
    return rows + [row("judge", name, value, (low, high)) for name, (value, low, high) in shares.items()]
