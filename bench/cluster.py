"""What Ray costs and gives on this machine: starting, dealing rows out, searching them in parts, rules on texts.

    python bench/cluster.py [--rows 50000] [--texts 8192] [--parts 1 2 3 7] [--kills 3] [--write]

By the clock, since Ray's processes are in no account of this one; so the load is said. Rounds of one corpus are decided
in line, on processes and on Ray in `--parts` parts, and with a worker and a holder of rows killed -9 in each of
the rounds that `--kills` asks for; all digests must be one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from report import conditions, table, write_section

from synthdata import api
from synthdata.api import Corpus
from synthdata.corpus.digest import digest
from synthdata.gate.reference import ReferenceRow
from synthdata.protocols import Mapper, in_line
from synthdata.records import Candidate
from synthdata.rounds.cluster import Cluster
from synthdata.rounds.steps import check
from synthdata.rounds.workers import ProcessMapper, Workers
from synthdata.settings import Recipe, Settings
from synthdata.similarity.parts import RowSearch, held_here, in_parts, part_of

DIM, QUERIES, SEED = 384, 1000, 0
KINDS = ("ray::_Holder.answer", "ray::_done")
WORDS = [
    f"{a}{b}{c}" for a in ("ba", "du", "fe", "gi", "lo") for b in ("rm", "st", "nd", "lk") for c in ("a", "en", "is")
]


def seconds(work: Callable[[], object]) -> float:
    """The clock's seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def unit(n: int, seed: int) -> NDArray[np.float32]:
    """Random directions."""
    x = np.random.default_rng(seed).normal(size=(n, DIM))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def texts(n: int, seed: int) -> list[str]:
    """Texts of 30 of 60 made-up words."""
    rng = np.random.default_rng(seed)
    return [" ".join(row) for row in np.array(WORDS)[rng.integers(len(WORDS), size=(n, 30))]]


def searches(cluster: Cluster, rows: int) -> list[tuple[object, ...]]:
    """Seconds to deal rows out and to search among them, in line and on Ray."""
    whole, queries = part_of(unit(rows, SEED)), unit(QUERIES, 1)
    ways: list[tuple[str, Callable[[RowSearch], RowSearch]]] = [("one index, in line", held_here)]
    ways += [(f"{n} parts, in line", partial(in_parts, parts=n)) for n in (2, 7)]
    ways += [(f"Ray, {n} part{'s' * (n > 1)}", partial(cluster.deal, parts=n)) for n in (1, 2, 4)]
    lines, expected = [], whole.search(queries, 1)
    for name, deal in ways:
        held: list[RowSearch] = []
        # The first question brings the rows to their holders.
        dealt = seconds(lambda: held.append(deal(whole)) or held[0].search(queries[:1], 1))  # noqa: B023
        times = [seconds(lambda: held[0].search(queries, 1)) for _ in range(3)]  # noqa: B023
        found = held[0].search(queries, 1)
        assert all((a == b).all() for a, b in zip(expected, found, strict=True)), name
        lines.append((name, dealt, min(times), rows * QUERIES / min(times) / 1e6))
        sys.stderr.write(f"{lines[-1]}\n")
    return lines


def rules(cluster: Cluster, number: int) -> list[tuple[object, ...]]:
    """Seconds of the rules on texts by mapper, warm."""
    candidates = [Candidate(text) for text in texts(number, 2)]
    ways: list[tuple[str, Mapper]] = [("in line", in_line), ("2 processes", ProcessMapper(2)), ("Ray", cluster)]
    lines = []
    for name, mapper in ways:
        check(candidates[:4096], {}, Recipe(), mapper)
        lines.append((name, min(seconds(lambda: check(candidates, {}, Recipe(), mapper)) for _ in range(2))))  # noqa: B023
        sys.stderr.write(f"{lines[-1]}\n")
    return lines


def descendants() -> Iterator[tuple[int, str]]:
    """Processes that this one has begun, with their names."""
    every = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            every.append((int(folder.name), parent, (folder / "cmdline").read_text(encoding="utf-8")))
        except (FileNotFoundError, ProcessLookupError):
            continue
    own = {os.getpid()}
    while more := {pid for pid, parent, _ in every if parent in own} - own:
        own |= more
    return ((pid, name) for pid, _, name in every if pid in own)


def kill_one_of_each(killed: set[str], done: threading.Event) -> None:
    """End the first process of each kind that is seen at work."""
    while len(killed) < len(KINDS) and not done.is_set():
        for pid, name in descendants():
            kind = next((kind for kind in KINDS if name.startswith(kind)), None)
            if kind is not None and kind not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.add(kind)
        time.sleep(0.005)


def rounds(cluster: Cluster, parts: Sequence[int], kills: int) -> tuple[list[tuple[object, ...]], int]:
    """How a round was decided, its seconds and its digest; and how many processes were killed."""
    settings = Settings.from_dict(
        {"recipe": {"encoder": {"backend": "hashing"}, "gate": {"collision_max": 1.0, "quota_slack": 99.0}}},
        where="bench",
    )
    ways: list[tuple[str, Workers, bool]] = [("in line", Workers(), False)]
    ways += [("2 processes", Workers(ProcessMapper(2)), False)]
    ways += [(f"in line, {n} parts", Workers(deal=partial(in_parts, parts=n)), False) for n in parts]
    ways += [(f"Ray, {n} parts", Workers(cluster, partial(cluster.deal, parts=n)), False) for n in parts]
    ways += [
        (f"Ray, 3 parts, killed {k + 1}", Workers(cluster, partial(cluster.deal, parts=3)), True) for k in range(kills)
    ]
    lines, ended = [], 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        reference = [ReferenceRow(text, "", str(i)) for i, text in enumerate(texts(400, 3))]
        Corpus.init(folder / "base", reference, settings=settings, views="one").admit(texts(1000, 4))
        new = [*texts(300, 5), *texts(1000, 4)[:100]]
        for number, (label, workers, killing) in enumerate(ways):
            path = folder / str(number)
            shutil.copytree(folder / "base", path)
            api.workers_for = lambda *_, chosen=workers: chosen  # type: ignore[assignment]
            killed, done = set[str](), threading.Event()
            killer = threading.Thread(target=kill_one_of_each, args=(killed, done))
            if killing:
                killer.start()
            took = seconds(lambda: Corpus.open(path).admit(new))  # noqa: B023
            done.set()
            if killing:
                killer.join()
            ended += len(killed)
            lines.append((label, took, digest(Corpus.open(path).store)[:16]))
            sys.stderr.write(f"{lines[-1]}\n")
            shutil.rmtree(path)
    return lines, ended


def shown(lines: Sequence[tuple[object, ...]], ended: int) -> str:
    """The rounds as a table, those with kills as one line, and whether all digests are one."""
    kept = [line for line in lines if "killed" not in str(line[0])]
    digests = {line[2] for line in lines}
    body = table(["round of 400 on 1,000", "seconds", "digest"], kept)
    verdict = "All digests are one" if len(digests) == 1 else f"**{len(digests)} different digests**"
    more = f"further rounds on Ray with 3 parts: {len(lines) - len(kept)}, processes killed -9 in them: {ended}."
    return f"{body}\n\n{verdict}; {more}"


def main() -> None:
    """Measure, print, and write the section where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--texts", type=int, default=8192)
    parser.add_argument("--parts", type=int, nargs="+", default=[1, 2, 3, 7])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    given = parser.parse_args()
    told, start = conditions(), time.perf_counter()
    cluster = Cluster("local")
    began = time.perf_counter() - start
    first = seconds(lambda: list(cluster(abs, [-1, -2])))
    again = seconds(lambda: list(cluster(abs, list(range(-100, 0))))) / 100
    body = f"{told} Seconds by the clock. To start and look at the node took {began:.1f} s, the first piece of work "
    body += f"{first:.1f} s, each later one {1000 * again:.1f} ms.\n\n"
    columns = ["search", "deal out, s", f"{QUERIES:,} queries, s", "million pairs a second"]
    body += f"{given.rows:,} rows of {DIM}:\n\n{table(columns, searches(cluster, given.rows))}\n\n"
    body += table([f"rules on {given.texts:,} texts", "seconds"], rules(cluster, given.texts)) + "\n\n"
    body += shown(*rounds(cluster, given.parts, given.kills))
    sys.stdout.write(body + "\n")
    if given.write:
        write_section("cluster", "Ray on one machine", body)


if __name__ == "__main__":
    main()
