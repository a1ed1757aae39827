"""Many rounds in one process: whether memory, threads and open files level off.

`python bench/soak.py` admits 200 rounds of 1,000 made-up texts through one `Corpus` object, looks at the process after
each, and reads the status as a dashboard would. Every round brings a tenth of new sentences; the rest repeats earlier
ones in other words' order, so that the corpus grows ever slower, as it does under a generator that runs dry.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import tempfile
import time
from pathlib import Path

from report import conditions, table, write_section

from synthdata import Candidate, Corpus
from synthdata.corpus.verify import verify
from synthdata.monitor.status import status
from synthdata.settings import Settings

RECIPE = {"encoder": {"backend": "hashing", "dim": 96}}
SHOWN = (1, 10, 50, 100, 150, 200)
WHOLE_ROUNDS, WHOLE_ROWS = 200, 1000  # a shorter run is a trial and is not written down


def words(count: int, rng: random.Random) -> list[str]:
    """Made-up words of two or three syllables."""
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    made = {"".join(rng.choices(syllables, k=rng.randint(2, 3))) for _ in range(3 * count)}
    return sorted(made)[:count]


def sentence(vocabulary: list[str], rng: random.Random) -> str:
    """A text of made-up words, frequent ones more often than rare ones, as in a language."""
    weights = [1 / (rank + 5) for rank in range(len(vocabulary))]
    return " ".join(rng.choices(vocabulary, weights, k=rng.randint(14, 28))).capitalize() + "."


def round_of(rows: int, number: int, vocabulary: list[str], known: list[str]) -> list[Candidate]:
    """The texts of a round: a tenth are new, the rest are known ones with two words changed."""
    rng = random.Random(f"round {number}")
    new = [sentence(vocabulary, rng) for _ in range(rows if not known else rows // 10)]
    edited = []
    for text in rng.choices(known, k=rows - len(new)) if known else ():
        parts = text.split()
        for _ in range(2):
            parts[rng.randrange(len(parts))] = rng.choice(vocabulary)
        edited.append(" ".join(parts))
    known.extend(new)
    return [Candidate(text) for text in (*new, *edited)]


def process() -> dict[str, float]:
    """What this process holds: resident megabytes, threads, open files, objects that Python knows of."""
    status = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "rss_mb": int(lines["VmRSS"].split()[0]) / 1024,
        "threads": int(lines["Threads"]),
        "fds": len(os.listdir("/proc/self/fd")),
        "objects": len(gc.get_objects()),
    }


def main() -> None:
    """Admit, look, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=WHOLE_ROUNDS)
    parser.add_argument("--rows", type=int, default=WHOLE_ROWS)
    parser.add_argument("--log", type=Path, help="a line of JSON for each round")
    asked = parser.parse_args()
    machine = conditions()
    rng = random.Random(0)
    vocabulary = words(4000, rng)
    reference = [sentence(vocabulary, rng) for _ in range(400)]
    looks: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        corpus = Corpus.init(Path(name) / "c", reference, settings=Settings.from_dict({"recipe": RECIPE}, "soak"))
        known: list[str] = []
        for number in range(1, asked.rounds + 1):
            start = time.process_time()
            corpus.admit(round_of(asked.rows, number, vocabulary, known))
            facts = status(corpus.store)
            seconds = time.process_time() - start
            files = sum(path.is_file() for path in corpus.store.path.rglob("*"))
            looks[number] = {**process(), "admitted": facts["admitted"], "files": files, "seconds": seconds}
            print(number, json.dumps(looks[number]), flush=True)
            if asked.log:
                with asked.log.open("a") as file:
                    file.write(json.dumps({"round": number, **looks[number]}) + "\n")
        wrong = [str(finding) for finding in verify(corpus.store)]
        decisions = corpus.store.decisions(["id"]).height
    rows = [
        (
            n,
            *(round(looks[n][key]) for key in ("admitted", "rss_mb", "threads", "fds", "objects", "files")),
            looks[n]["seconds"],
        )
        for n in SHOWN
        if n in looks
    ]
    columns = [
        "round",
        "admitted",
        "resident MB",
        "threads",
        "open files",
        "Python objects",
        "files of the corpus",
        "s",
    ]
    body = f"{machine} {asked.rounds} rounds of {asked.rows:,} texts in one process, {decisions:,} decisions; `verify` "
    body += (
        f"afterwards: {'; '.join(wrong) or 'every invariant holds'}. Seconds are of the processor, a round with its "
    )
    body += "status.\n\n" + table(columns, rows)
    print(body)
    if asked.rounds >= WHOLE_ROUNDS and asked.rows >= WHOLE_ROWS:
        write_section("soak", "Two hundred rounds in one process", body)


if __name__ == "__main__":
    main()
