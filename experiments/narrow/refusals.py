"""R14: how often a real row of a new document is called outside, by task, over random splits of documents."""

from __future__ import annotations

import numpy as np
from scipy import stats

from experiments.collapse.views import View
from experiments.narrow.jobs import RESULTS, append, read
from experiments.narrow.topics import Chunk, topics
from synthdata.gate.calibrate import mean_of
from synthdata.gate.cells import centre
from synthdata.gate.novelty import calibrate_novelty

FILE = RESULTS / "refusals.jsonl"
SETS = ("stories", "abstracts", "science", "problems", "all eight")
SPLITS, CALIBRATING, NEW, ELSEWHERE = 60, 199, 100, 150
ALPHA = 0.01


def write() -> None:
    """Measure what is not in the file yet."""
    done = {line["set"] for line in read(FILE)}
    for number, name in enumerate(SETS):
        if name not in done:
            append(FILE, {"set": name, "shares": refused(name, number)})


def refused(name: str, number: int) -> list[float]:
    """The share called outside in each split."""
    by_document = documents(name)
    rng = np.random.default_rng([number, 23])
    order = rng.permutation(len(by_document))
    elsewhere, used = order[:ELSEWHERE], order[ELSEWHERE:]
    other = [chunk.text for i in elsewhere for chunk in by_document[i]]
    rows = [(chunk.text, str(i)) for i in used for chunk in by_document[i]]
    raw = View(other, [text for text, _ in rows], "words", number).anchor
    tasks = np.array([task for _, task in rows])
    shares = []
    for _ in range(SPLITS):
        drawn = rng.permutation(used)[: CALIBRATING + NEW]
        known = np.isin(tasks, [str(i) for i in drawn[:CALIBRATING]])
        mean = mean_of(raw[known])
        novelty = calibrate_novelty(centre(raw[known], mean)[0], tasks[known].tolist())
        new = [int(rng.choice(np.flatnonzero(tasks == str(i)))) for i in drawn[CALIBRATING:]]
        shares.append(float((novelty.p_values(centre(raw[new], mean)[0]) <= ALPHA).mean()))
    return shares


def documents(name: str) -> list[list[Chunk]]:
    """The chunks of a set by document; of all eight topics one chunk a document, as many of each."""
    if name == "all eight":
        return [[chunk] for part in topics().values() for chunk in {c.document: c for c in part}.values()][::12]
    found: dict[str, list[Chunk]] = {}
    for chunk in topics()[name]:
        found.setdefault(chunk.document, []).append(chunk)
    return list(found.values())


def table() -> list[list[str]]:
    """One row a set: mean share with its interval over splits, and whether it is at most alpha."""
    rows = [["set", "splits", "called outside, 95 %", "R14"]]
    for line in read(FILE):
        shares = np.array(line["shares"])
        half = float(stats.sem(shares) * stats.t.ppf(0.975, len(shares) - 1))
        met = "met" if shares.mean() <= ALPHA else "**missed**"
        rows.append([line["set"], str(len(shares)), f"{shares.mean():.2%} ± {half:.2%}", met])
    return rows
