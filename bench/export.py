"""Export of 100,000 rows in bounded memory, and retraction of one source from a corpus of 50,000.

Corpora are committed to the store directly, without the gate, which has benchmarks of its own: three in ten rows are
real, ten sources have a tenth each, vectors are hashed. Each command is a process, so its peak memory is its own.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from report import conditions, table, write_section

from synthdata.api import Corpus
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Decision, Origin, Verdict
from synthdata.settings import Settings

SIZES, RETRACTED_FROM, SOURCES, DIM = (25_000, 50_000, 100_000), 50_000, 10, 64
# Rounds that the rows come in.
ROUNDS = 5
# What wait4 calls the peak of a child holds its parent's, from before it became another program.
PROGRAM = """
import atexit, sys
from pathlib import Path
said = lambda: Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
atexit.register(lambda: sys.stderr.write(said() + chr(10)))
from synthdata.cli import main
main()
"""
SETTINGS = {"recipe": {"encoder": {"backend": "hashing", "dim": DIM}}}


@dataclass(frozen=True)
class Run:
    """A command's outcome: exit code, seconds, those of the processor, peak resident memory in MB, what it printed."""

    code: int
    seconds: float
    processor: float
    megabytes: float
    out: str
    err: str


def texts(count: int, seed: int) -> Iterator[str]:
    """Distinct sentences over made-up words, the same words for every seed."""
    letters, rng = random.Random(0), random.Random(seed)
    words = ["".join(letters.choices("bcdfglmnprstv", k=1) + letters.choices("aeiou", k=1)) * 2 for _ in range(400)]
    for number in range(count):
        body = " ".join(rng.choices(words, k=18))
        yield f"Lesson {number}: before you act, {body}."


def candidate(number: int, text: str) -> Candidate:
    """The admitted row of that number: real for three in ten, one of ten sources."""
    origin = Origin.REAL if number % 10 < 3 else Origin.SYNTHETIC
    source = f"source {number // 10 % SOURCES}"
    return Candidate(text, f"about {number}", origin=origin, source=source, licence="CC0-1.0", task_id=f"task {number}")


def make_corpus(path: Path, rows: int) -> Corpus:
    """A corpus of `rows` admitted rows in ROUNDS rounds."""
    reference = [ReferenceRow(text, f"on {i}", f"r{i}") for i, text in enumerate(texts(300, 1))]
    corpus = Corpus.init(path, reference, settings=Settings.from_dict(SETTINGS))
    fingerprint = corpus.settings.recipe.decision_fingerprint()
    made = [candidate(number, text) for number, text in enumerate(texts(rows, 2))]
    with corpus.store.writing():
        for start in range(0, rows, rows // ROUNDS):
            part = made[start : start + rows // ROUNDS]
            content = corpus.encoder.encode([item.content for item in part])
            context = corpus.encoder.encode([item.context for item in part])
            decisions = [Decision(item, Verdict.ADMIT, cell=0) for item in part]
            vectors = {item.id: (context[i], content[i]) for i, item in enumerate(part)}
            corpus.store.commit_round(decisions, vectors, round_key=f"bench {start}", recipe=fingerprint, anchor=0)
    return corpus


def synthdata(*arguments: object) -> Run:
    """A command in a process of its own, which says its peak memory as its last line of standard error."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    start, used = time.monotonic(), _processor()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    *lines, peak = done.stderr.splitlines()
    seconds = (time.monotonic() - start, _processor() - used)
    return Run(done.returncode, *seconds, int(peak) / 1024, done.stdout, "\n".join(lines))


def _processor() -> float:
    """Seconds of the processor that ended children took; a busy machine changes them little."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def exported(folder: Path, rows: int) -> tuple[tuple[int, int, float, float, float], str]:
    """Rows in the corpus, rows of `sft` written, seconds, processor seconds, peak MB; what the bar left behind."""
    make_corpus(folder / "c", rows)
    run = synthdata("export", folder / "c", folder / "out", "--kinds", "sft,messages", "--json")
    if run.code:
        raise SystemExit(run.err)
    written = sum(json.loads(run.out)["kinds"]["sft"].values())
    return (rows, written, run.seconds, run.processor, run.megabytes), run.err.strip().splitlines()[-1]


def retracted(folder: Path, rows: int) -> dict[str, object]:
    """Retract one source after two releases, the second without some of it; every count must be exact."""
    corpus = make_corpus(folder / "c", rows)
    for name, asked in (("first", ()), ("second", ("--as-of", 1))):
        run = synthdata("export", folder / "c", folder / name, "--kinds", "sft", "--json", *asked)
        if run.code:
            raise SystemExit(run.err)
    run = synthdata("retract", folder / "c", "--source", "source 3", "--reason", "benchmark", "--json")
    told = json.loads(run.out)
    mine = {row.id for n, text in enumerate(texts(rows, 2)) if (row := candidate(n, text)).source == "source 3"}
    held = {item["number"]: item["held"] for item in told["releases"]}
    first = sum(candidate(n, text).id in mine for n, text in enumerate(texts(rows // ROUNDS, 2)))
    checked = synthdata("verify", folder / "c")
    exact = (told["rows"], told["left"], held) == (len(mine), rows - len(mine), {1: len(mine), 2: first})
    gone = not corpus.store.admitted_ids() & mine
    return {
        "code": run.code, "rows": rows, "retracted": told["rows"], "left": told["left"], "releases": held,
        "seconds": run.processor, "megabytes": run.megabytes, "verify": checked.code, "exact": exact and gone,
    }  # fmt: skip


def main() -> None:
    """Measure both and write the section."""
    where = conditions()
    folder = Path(tempfile.mkdtemp(prefix="bench-export-"))
    try:
        sizes = []
        for rows in SIZES:
            sizes.append(exported(folder / str(rows), rows)[0])
            print(sizes[-1], flush=True)
            shutil.rmtree(folder / str(rows))
        done = retracted(folder / "retract", RETRACTED_FROM)
        print(done, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    growth = (sizes[-1][4] - sizes[0][4]) / (sizes[-1][0] - sizes[0][0]) * 1024
    body = f"""{where}

{table(["admitted rows", "rows of `sft` written", "seconds", "processor seconds", "peak MB"], sizes)}

Kinds `sft` and `messages`, two walks, personal data looked for in every row. Peak memory grows by {growth:.2g} KB a
row: ids, digests and sizes are kept, texts and vectors are not.

Retracting one of {SOURCES} sources from {done["rows"]:,} rows took {done["seconds"]:.1f} processor seconds at
{done["megabytes"]:.0f} MB: {done["retracted"]:,} rows taken out, {done["left"]:,} left, held by releases
{done["releases"]}; counts {"exact" if done["exact"] else "WRONG"}, `verify` exit code {done["verify"]}."""
    write_section("export", "Export and retraction", body)


if __name__ == "__main__":
    main()
