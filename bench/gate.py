"""Gate decisions a second, vectors given, beside a raw batched FAISS flat search of the same vectors, and memory a row.

The corpus holds 10,000 and then 100,000 admitted rows; 2,000 candidates are decided against it, all stages included
that need no judge. The search runs in the same process right before and after. The bar is 0.7 of its rate.
"""

from __future__ import annotations

import gc
import time
from itertools import product
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from report import conditions, table, write_section

from synthdata.gate.calibrate import calibrate
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.gate.round import decide
from synthdata.gate.state import GateState
from synthdata.records import Candidate
from synthdata.settings import AnchorSettings, GateSettings

DIM, REFERENCE, CANDIDATES, SEED = 384, 2000, 2000, 0
SIZES = (10_000, 100_000)
BAR = 0.7
Vectors = NDArray[np.float32]
WORDS = 30
CENTRES = np.random.default_rng(SEED).normal(size=(40, DIM))


def unit(rng: np.random.Generator, n: int) -> Vectors:
    """Random directions with a few common ones, so that cells and collision have something to see."""
    x = rng.normal(size=(n, DIM)) + 2 * CENTRES[rng.integers(len(CENTRES), size=n)]
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def texts(rng: np.random.Generator, n: int) -> list[str]:
    """Texts of words drawn from 4,900, no two alike."""
    # Letters alone: what holds a digit is masked in a skeleton, and all frames would be one.
    words = np.array(["".join(letters) for letters in product("bdfgklmnprstvz", "aeiou", "bdfgklmnprstvz", "aeiou")])
    return [" ".join(row) for row in words[rng.integers(len(words), size=(n, WORDS))]]


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def fresh_state(rng: np.random.Generator) -> GateState:
    """A gate calibrated on random real rows."""
    rows = [ReferenceRow(text, "", str(i)) for i, text in enumerate(texts(rng, REFERENCE))]
    x = unit(rng, REFERENCE)
    reference = clean(rows, x, x, AnchorSettings(), GateSettings())
    anchor = calibrate(reference, number=0, views="one", encoder="random", settings=AnchorSettings())
    return GateState(anchor, reference, GateSettings())


def searches(stored: Vectors, queries: Vectors) -> tuple[float, float]:
    """Queries a second, and a processor second, of a flat inner-product index."""
    index = faiss.IndexFlatIP(DIM)
    index.add(stored)
    start, worked = time.perf_counter(), time.process_time()
    index.search(queries, 1)
    return len(queries) / (time.perf_counter() - start), len(queries) / (time.process_time() - worked)


def measure(size: int) -> tuple[int, float, float, float, float, float, int]:
    """Size, search rate, decision rate, quotient a processor second, seconds to restore, kilobytes a row, admitted."""
    rng = np.random.default_rng([SEED, size])
    state = fresh_state(rng)
    stored, held = unit(rng, size), [Candidate(text) for text in texts(rng, size)]
    queries, made = unit(rng, CANDIDATES), [Candidate(text) for text in texts(rng, CANDIDATES)]
    gc.collect()
    before, start = resident(), time.perf_counter()
    state.restore(held, stored, stored)
    restored = time.perf_counter() - start
    gc.collect()
    grown = (resident() - before) / size / 1024
    first = searches(stored, queries)
    start, worked = time.perf_counter(), time.process_time()
    decisions = decide(made, queries, queries, state, [])
    rate, cheap = CANDIDATES / (time.perf_counter() - start), CANDIDATES / (time.process_time() - worked)
    second = searches(stored, queries)
    admitted = sum(decision.verdict == "admit" for decision in decisions)
    search, by_processor = (first[0] + second[0]) / 2, cheap / ((first[1] + second[1]) / 2)
    return size, search, rate, by_processor, restored, grown, admitted


def main() -> None:
    """Measure both sizes, print and write the section."""
    told = conditions()
    rows = []
    for size in SIZES:
        n, search, rate, by_processor, restored, grown, admitted = measure(size)
        numbers = (search, rate, rate / search, by_processor, restored, grown, admitted)
        rows.append((f"{n:,}", *numbers))
    columns = ["admitted rows", "FAISS queries / s", "decisions / s", "quotient", "quotient by processor s"]
    columns += ["restore, s", "KB a row", "admitted"]
    body = (
        f"{told} {CANDIDATES:,} candidates of {WORDS} words, {DIM} dimensions; the bar for the quotient is {BAR:g}. "
        "Decisions include MinHash signatures, phrase counters and skeletons of each text; KB a row is all that a "
        "restored row costs in memory, vector (1.5 KB), text, signature and buckets.\n\n" + table(columns, rows)
    )
    print(body)
    write_section("gate", "Gate decisions", body)


if __name__ == "__main__":
    main()
