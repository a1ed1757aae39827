"""`inspect` on one JSONL of 200 MB made for the purpose: seconds by phase, memory, and which planted copies it found.

Texts are words drawn as often as the runs of data/sample use them, so that no two are alike by chance; among them are
planted exact copies and near copies (one word of eighty changed).
"""

from __future__ import annotations

import gc
import gzip
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from report import conditions, table, write_section

from synthdata.inspection import Question, inspect_file
from synthdata.protocols import Advance, no_advance
from synthdata.settings import Settings
from synthdata.similarity.encoder import make_encoder

MEGABYTES, WORDS, SEED = 200, 80, 0
EXACT, NEAR = 0.05, 0.05
SAMPLE = Path(__file__).parent.parent / "data" / "sample"


def vocabulary() -> tuple[list[str], np.ndarray]:
    """The words of the recorded runs, and how often each is used."""
    found: Counter[str] = Counter()
    for path in sorted(SAMPLE.glob("*.jsonl.gz")):
        text = gzip.decompress(path.read_bytes()).decode("utf-8")
        found.update(word for word in text.lower().split() if word.isalpha())
    words = sorted(found)
    # The root flattens what games repeat all the time, so that texts differ as ordinary ones do.
    weights = np.sqrt([found[word] for word in words])
    return words, weights / weights.sum()


def write_file(path: Path) -> dict[str, int]:
    """Write the rows, and say how many there are and how many of them were planted."""
    rng = np.random.default_rng(SEED)
    words, shares = vocabulary()
    rows = {"rows": 0, "exact": 0, "near": 0}
    kept: list[list[str]] = []
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < MEGABYTES * 1_000_000:
            drawn = rng.choice(len(words), p=shares, size=(1000, WORDS))
            for numbers, chance in zip(drawn.tolist(), rng.random(1000).tolist(), strict=True):
                text = [words[i] for i in numbers]
                if kept and chance < EXACT + NEAR:
                    text = list(kept[int(rng.integers(len(kept)))])
                    rows["exact" if chance < EXACT else "near"] += 1
                    if chance >= EXACT:
                        text[int(rng.integers(WORDS))] = f"changed{rows['near']}"
                elif len(kept) < 50_000:
                    kept.append(text)
                file.write(json.dumps({"text": " ".join(text), "number": rows["rows"]}) + "\n")
                rows["rows"] += 1
    return rows


def main() -> None:
    where = conditions()
    seconds: dict[str, float] = {}

    @contextmanager
    def bars(label: str, total: int) -> Iterator[Advance]:
        start = time.perf_counter()
        yield no_advance
        seconds[label] = seconds.get(label, 0.0) + time.perf_counter() - start
        print(f"{label}: {seconds[label]:.1f} s, peak {peak():,.0f} MB", file=sys.stderr, flush=True)

    settings = Settings()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.jsonl"
        planted = write_file(path)
        gc.collect()
        before, size = peak(), path.stat().st_size
        start, used = time.perf_counter(), time.process_time()
        report = inspect_file(Question(path), settings, make_encoder(settings.recipe.encoder, settings.runtime), bars)
        seconds["all"], busy = time.perf_counter() - start, time.process_time() - used
    exact, near = (report.levels[level].rows for level in ("exact", "near"))
    body = f"""{where} {size / 1e6:.0f} MB, {report.rows:,} rows of {WORDS} words, {report.sampled:,} of them encoded.

{table(("phase", "seconds"), list(seconds.items()))}

Peak memory {peak():,.0f} MB ({before:,.0f} MB of it before, when the file was made); {busy:.0f} processor seconds.
Planted {planted["exact"]:,} exact copies, found {exact:,}; planted {planted["near"]:,} near copies, found {near:,}.
From 5,000 rows on the vectors take as long whatever the file; signatures and words grow with it. On a busy machine
the processor seconds say more than the seconds."""
    write_section("inspection", "Inspecting a file of 200 MB", body)
    print(body)


def peak() -> float:
    """Most megabytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
