"""`lessons` on 100,000 rows, given an encoded query: recall against brute force, and the time of an answer.

Brute force mixes float64 cosines and BM25 scores of all rows and sorts them all. The texts are made for the purpose.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from report import conditions, table, write_section

from synthdata import Candidate, Corpus, Settings
from synthdata.gate.reference import ReferenceRow
from synthdata.memory import Memory
from synthdata.memory.index import build_index
from synthdata.records import Decision, Verdict
from synthdata.similarity.hashing import HashingEncoder

ROWS, QUERIES, LIMIT, DIM, WORDS, SEED = 100_000, 60, 10, 384, 60, 0
RECALL_BAR, MILLISECONDS_BAR = 0.95, 20.0
VOCABULARY = 20_000


def texts(rng: np.random.Generator, count: int) -> list[str]:
    """Texts whose words are as unequal as those of a language (Zipf)."""
    weights = 1.0 / np.arange(1, VOCABULARY + 1)
    chosen = rng.choice(VOCABULARY, size=(count, WORDS), p=weights / weights.sum())
    return [" ".join(f"w{word:x}" for word in row) for row in chosen]


def filled(path: Path, rng: np.random.Generator) -> Corpus:
    """A one-view corpus of `ROWS` admitted rows in ten rounds; the gate is not asked, which is not measured here."""
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": DIM}}})
    reference = [ReferenceRow(text, "", str(i)) for i, text in enumerate(texts(rng, 200))]
    corpus = Corpus.init(path, reference, settings=settings)
    encoder = HashingEncoder(DIM)
    for number in range(10):
        rows = [Candidate(text, source=f"s{i % 7}") for i, text in enumerate(texts(rng, ROWS // 10))]
        vectors = encoder.encode([row.content for row in rows])
        pairs = {row.id: (None, vector) for row, vector in zip(rows, vectors, strict=True)}
        decisions = [Decision(row, Verdict.ADMIT, "admit", cell=0) for row in rows]
        with corpus.store.writing() as store:
            store.commit_round(decisions, pairs, round_key=str(number), recipe="bench", anchor=0)
    return corpus


def brute_force(memory: Memory, query: str, vector: np.ndarray, settings: Settings) -> set[str]:
    """Ids of the ten best rows: every pair of words and every cosine in float64, without pool or mask."""
    cosines = np.asarray(memory.vectors, dtype=np.float64) @ vector.astype(np.float64)
    bm25 = memory.words.scores(query, settings.runtime.memory)
    share = settings.runtime.memory.meaning_share
    fused = share * np.maximum(cosines, 0) / cosines.max() + (1 - share) * bm25 / bm25.max()
    return set(memory.rows["id"].to_numpy()[np.argsort(-fused, kind="stable")[:LIMIT]])


def main() -> None:
    """Measure, print and write the section."""
    told = conditions()
    rng = np.random.default_rng(SEED)
    with tempfile.TemporaryDirectory() as folder:
        corpus = filled(Path(folder) / "corpus", rng)
        start = time.perf_counter()
        build_index(corpus.store)
        built = time.perf_counter() - start
        start = time.perf_counter()
        memory = Memory.open(corpus.store)
        opened = 1000 * (time.perf_counter() - start)
        # Without diversification, so that the answer is the ranking itself.
        memory.settings = memory.settings.model_copy(update={"mmr_relevance": 1.0})
        asked = [query[: len(query) // 4] for query in texts(rng, QUERIES)]
        vectors = corpus.encode(asked)
        shared, times, worked = [], [], []
        for query, vector in zip(asked, vectors, strict=True):
            start, work = time.perf_counter(), time.process_time()
            found = memory.nearest(query, vector, LIMIT)
            worked.append(1000 * (time.process_time() - work))
            times.append(1000 * (time.perf_counter() - start))
            best = brute_force(memory, query, vector, corpus.settings)
            shared.append(len(best & {item.id for item in found}) / LIMIT)
    spread = statistics.quantiles(times, n=20)
    rows = [
        ("recall@10", statistics.mean(shared), RECALL_BAR),
        ("milliseconds, median", statistics.median(times), MILLISECONDS_BAR),
        ("milliseconds of processor, median", statistics.median(worked), MILLISECONDS_BAR),
        ("milliseconds, 95th percentile", spread[-1], "-"),
        ("seconds to make the index once", built, "-"),
        ("milliseconds to open it again", opened, "-"),
        ("peak memory of it all, MB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "-"),
    ]
    body = (
        f"{told} {ROWS:,} rows of {WORDS} words, {DIM} dimensions, {QUERIES} queries of {WORDS // 4} words whose "
        "vector is given; rows, texts and provenance of the answer are included in the time.\n\n"
        + table(["what", "measured", "bar"], rows)
    )
    print(body)
    write_section("lessons", "Lessons", body)


if __name__ == "__main__":
    main()
