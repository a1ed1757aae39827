"""A round of 1,000 texts on a corpus of up to a million rows: the whole command by phase, and its search beside FAISS.

    python bench/large.py [--rows 100000 300000 1000000] [--write]

The rows are committed as admitted, past the gate, which is what a corpus of that size looks like; then rounds of 1,000
are admitted by the command line, each in a process of its own. The first one makes the gate's memory of all rows and
is not counted, since a corpus that has grown by rounds has it; the second one is. The third holds light edits of 1,000
stored rows, of which none may get in. Vectors are hashed. Needs the data sets beside a development checkout.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
from admit_profile import DATA, HASHED, ROOT, Cost, command, sentences, size_of, texts_of, write_rows
from numpy.typing import NDArray
from report import conditions, table, write_section

from synthdata.api import Corpus
from synthdata.records import Candidate, Decision, Verdict
from synthdata.similarity.index import VectorIndex

REFERENCE, ROUND, AT_ONCE, TAU, SEED = 2000, 1000, 50_000, 0.92, 0
SEARCH, BAR = "search of the history", 5.0
Vectors = NDArray[np.float32]


def distinct(pool: Sequence[str], count: int, seed: int) -> list[str]:
    """So many texts of two or three sentences, no two alike."""
    rng, made = random.Random(seed), dict[str, None]()
    while len(made) < count:
        made.setdefault(" ".join(rng.choice(pool) for _ in range(rng.randint(2, 3))))
    return list(made)


def fill(path: Path, texts: Sequence[str], start: int) -> list[Vectors]:
    """Commit texts as admitted rows, some ten thousand a round; their vectors."""
    corpus, blocks = Corpus.open(path), list[Vectors]()
    for at in range(0, len(texts), AT_ONCE):
        rows = [Candidate(text) for text in texts[at : at + AT_ONCE]]
        vectors = corpus.encode([row.content for row in rows])
        cells = corpus.anchor.context.locate(vectors, 0.0).cells.tolist()
        decisions = [Decision(row, Verdict.ADMIT, cell=cell) for row, cell in zip(rows, cells, strict=True)]
        by_id = {row.id: (None, vector) for row, vector in zip(rows, vectors, strict=True)}
        stamp = {"round_key": f"filled {start + at}", "recipe": corpus.settings.recipe.decision_fingerprint()}
        with corpus.store.writing():
            corpus.store.commit_round(decisions, by_id, anchor=corpus.store.anchor, **stamp)
        blocks.append(vectors)
        sys.stderr.write(f"{start + at + len(rows):,} rows\n")
    return blocks


def edited(texts: Sequence[str], rng: random.Random) -> list[str]:
    """Texts with a word left out."""
    made = []
    for text in texts:
        words = text.split()
        del words[rng.randrange(len(words))]
        made.append(" ".join(words))
    return made


def searched(rows: Vectors, folder: Path) -> tuple[int, float, float]:
    """Of 1,000 planted near rows how many ours misses, and the processor seconds of ours and of FAISS, one thread each.

    Both are asked for all rows within tau.
    """
    rng = np.random.default_rng(SEED)
    planted = rng.choice(len(rows), size=ROUND, replace=False)
    noise = rng.normal(size=(ROUND, rows.shape[1]))
    queries = rows[planted] + 0.2 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    np.save(folder / "rows.npy", rows)
    index = VectorIndex.load(folder / "rows.npy")
    start = time.process_time()
    found = list(index.within_many(queries, TAU))
    ours = time.process_time() - start
    flat = faiss.IndexFlatIP(rows.shape[1])
    flat.add(rows)
    faiss.omp_set_num_threads(1)
    start = time.process_time()
    limits, _, theirs = flat.range_search(queries, TAU)
    took = time.process_time() - start
    missed = sum(row not in set(ids.tolist()) for row, (_, ids) in zip(planted.tolist(), found, strict=True))
    assert all(row in theirs[limits[i] : limits[i + 1]] for i, row in enumerate(planted.tolist())), "a plant is too far"
    return missed, ours, took


def main() -> None:
    """Fill, measure at each size, print, and write the section where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is absent: this benchmark needs the data sets of a development checkout")
    told, pool, lines, phases, rng = conditions(), sentences(), [], [], random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder, corpus = Path(name), Path(name) / "corpus"
        real = write_rows(folder / "real.jsonl", texts_of(pool, REFERENCE, SEED))
        command(ROOT, folder, "init", corpus, "--reference", real, "--set", HASHED, "--set", "runtime.threads=1")
        texts, blocks, held = distinct(pool, max(given.rows), SEED + 1), list[Vectors](), 0
        for rows in sorted(given.rows):
            blocks += fill(corpus, texts[held:rows], held)
            fresh = [write_rows(folder / f"{k}.jsonl", texts_of(pool, ROUND, rows + k)) for k in (1, 2)]
            command(ROOT, folder, "admit", corpus, fresh[0], "--json")
            cost = command(ROOT, folder, "admit", corpus, fresh[1], "--json")
            copies = write_rows(folder / "copies.jsonl", iter(edited(rng.sample(texts[:rows], ROUND), rng)))
            command(ROOT, folder, "admit", corpus, copies, "--json")
            admitted = json.loads(_report(folder))["counts"]["admit"]
            status = command(ROOT, folder, "status", corpus)
            missed, ours, flat = searched(np.concatenate(blocks), folder)
            held = rows
            lines.append(_line(rows, cost, status, size_of(corpus), admitted, (missed, ours, flat)))
            phases += [(rows, phase, seconds) for phase, seconds in sorted(cost.phases.items(), key=lambda p: -p[1])]
            sys.stderr.write(f"{lines[-1]}\n{cost.phases}\n")
    columns = [
        "rows", "processor s", "of it search", "all else", "peak MB", "corpus MB", "status, s",
        "edits admitted of 1,000", "plants missed", "ours, 1,000 queries, s", "FAISS, s", "quotient",
    ]  # fmt: skip
    body = f"{told} {__doc__.split(chr(10) * 2)[2].replace(chr(10), ' ')}\n\n{table(columns, lines)}\n\n"
    body += f"Bars: all else 2 s, 3 GB, FAISS {BAR:g} times as dear, none missed.\n\n"
    body += table(["rows", "phase", "processor s"], [line for line in phases if line[2] >= 0.05])
    sys.stdout.write(body + "\n")
    if given.write:
        write_section("large", "A round on a large corpus", body)


def _report(folder: Path) -> str:
    """The JSON that `admit` printed last, behind its lines of progress."""
    text = (folder / "log.txt").read_text(encoding="utf-8")
    return text[text.index("{") : text.rindex("}") + 1]


def _line(
    rows: int, cost: Cost, status: Cost, disk: float, admitted: int, search: tuple[int, float, float]
) -> tuple[object, ...]:
    looked = cost.phases.get(SEARCH, 0.0)
    missed, ours, flat = search
    return (
        rows, cost.processor, looked, cost.processor - looked, cost.peak, disk, status.processor, admitted,
        missed, ours, flat, flat / ours,
    )  # fmt: skip


if __name__ == "__main__":
    main()
