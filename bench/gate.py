"""Gate decisions a second, vectors given, beside a raw batched FAISS flat search of the same vectors, and memory a row.

The corpus holds 10,000 and then 100,000 admitted rows; 2,000 candidates are decided against it, all stages included
that need no judge. They are decided twice from the same saved state: with their texts made ready before (the bar's
case, since FAISS reads no text), and from the bare texts. The search runs in the same process right before and after.
"""

from __future__ import annotations

import gc
import sys
import time
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
from numpy.typing import NDArray
from report import conditions, table, write_section

from synthdata.gate.anchor import AnchorHeader
from synthdata.gate.calibrate import calibrate
from synthdata.gate.duplicates import DuplicateIndex
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.gate.round import decide, decide_items
from synthdata.gate.saved import open_memory, save_memory
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
    anchor = calibrate(reference, AnchorHeader(0, "one", "random"), AnchorSettings())
    return GateState(anchor, reference, GateSettings())


def searches(stored: Vectors, queries: Vectors) -> tuple[float, float]:
    """Queries a second, and a processor second, of a flat inner-product index."""
    index = faiss.IndexFlatIP(DIM)
    index.add(stored)
    start, worked = time.perf_counter(), time.process_time()
    index.search(queries, 1)
    return len(queries) / (time.perf_counter() - start), len(queries) / (time.process_time() - worked)


class Clock:
    """Seconds by the clock and by the processor since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """(seconds, processor seconds)."""
        return time.perf_counter() - self._start[0], time.process_time() - self._start[1]


def restoring(state: GateState, size: int, folder: Path) -> tuple[list[float], float]:
    """Processor seconds to restore from texts and vectors, to save, to open it again; kilobytes a row."""
    rng = np.random.default_rng([SEED, size])
    stored, held = unit(rng, size), [Candidate(text) for text in texts(rng, size)]
    gc.collect()
    before, clock = resident(), Clock()
    state.restore(held, stored, stored)
    seconds = [clock.read()[1]]
    gc.collect()
    grown = (resident() - before) / size / 1024
    clock = Clock()
    save_memory(state.memory(), folder)
    seconds.append(clock.read()[1])
    clock = Clock()
    open_memory(folder, state.settings)
    return [*seconds, clock.read()[1]], grown


def without_text(library: DuplicateIndex) -> float:
    """Kilobytes a row of vectors, ids and cells, with the lists that hold them."""
    held = sum(map(sys.getsizeof, library.ids)) + sys.getsizeof(library.ids) + sys.getsizeof(library.cells)
    return (4 * DIM + held / len(library)) / 1024


def deciding(state: GateState, ready: bool) -> tuple[float, float, int]:
    """Decisions a second, and a processor second, and how many were admitted; `ready`: the items were made before."""
    rng = np.random.default_rng(SEED)
    queries, made = unit(rng, CANDIDATES), [Candidate(text) for text in texts(rng, CANDIDATES)]
    names = [candidate.id for candidate in made] if ready else []
    items = state.items(made, queries, queries) if ready else []
    gc.collect()
    clock = Clock()
    decisions = decide_items(items, state) if ready else decide(made, queries, queries, state)
    seconds, worked = clock.read()
    assert not ready or {decision.candidate.id for decision in decisions} == set(names)
    return CANDIDATES / seconds, CANDIDATES / worked, sum(decision.verdict == "admit" for decision in decisions)


def measure(size: int) -> tuple[list[float], list[float]]:
    """Rates and quotients of the decisions; seconds and kilobytes of the restored state."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        state = fresh_state(np.random.default_rng([SEED, size]))
        seconds, grown = restoring(state, size, folder)
        stored, queries = state.history.vectors.reconstruct(np.arange(size)), unit(np.random.default_rng(1), CANDIDATES)
        anchor, settings, bare = state.anchor, state.settings, without_text(state.history)
        del state
        first = searches(stored, queries)
        alone = deciding(GateState.from_parts(anchor, settings, open_memory(folder, settings)), ready=True)
        whole = deciding(GateState.from_parts(anchor, settings, open_memory(folder, settings)), ready=False)
        second = searches(stored, queries)
        assert alone[2] == whole[2]
    search, cheap = (first[0] + second[0]) / 2, (first[1] + second[1]) / 2
    rates = [search, alone[0], alone[0] / search, alone[1] / cheap, whole[0], whole[0] / search, whole[1] / cheap]
    return [*rates, alone[2]], [*seconds, grown, bare]


def main() -> None:
    """Measure both sizes, print and write the section."""
    told = conditions()
    rates, states = [], []
    for size in SIZES:
        rate, state = measure(size)
        rates.append((f"{size:,}", *rate))
        states.append((f"{size:,}", *state))
    columns = ["admitted rows", "FAISS queries / s", "decisions / s, texts ready", "quotient", "by processor s"]
    columns += ["decisions / s with texts", "quotient", "by processor s", "admitted"]
    kept = ["admitted rows", "restore from texts and vectors, processor s", "save", "open the saved state"]
    kept += ["KB a row, all", "KB a row, vector, id and cell"]
    body = (
        f"{told} {CANDIDATES:,} candidates of {WORDS} words, {DIM} dimensions; the bar for the quotient is {BAR:g}, "
        "vectors given. *Texts ready*: ids, MinHash signatures, phrase slots and skeletons of the candidates were made "
        "before the clock ran; looking them up is included. *With texts*: they are made too, which raw FAISS never "
        f"does.\n\n{table(columns, rates)}\n\nThe gate's state of the admitted rows. A row costs in memory a vector, "
        "its id and cell (the bar is 2.2 KB), and its text, normal form, signature and bands.\n\n" + table(kept, states)
    )
    print(body)
    write_section("gate", "Gate decisions", body)


if __name__ == "__main__":
    main()
