"""The commands as a user waits for them: `admit`, `inspect`, `export` and `run`, by phase, beside another commit.

    python bench/admit_profile.py --rows 20000 100000 --base /path/to/worktree/of/456d3e3 [--threads 1 2] [--write]

Each verb runs as a process of its own, in turn in both trees, on the same files. Processor seconds are the system's
account of the process and of all that it started; peak memory is that of the largest one. Texts are two or three
sentences of public data sets in chance company, a tenth of them copies and light edits; vectors are hashed. Needs the
data sets beside a development checkout.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from report import conditions, table, write_section

ROOT = Path(__file__).parents[1]
DATA = Path(__file__).parents[2] / "shared" / "data"
SEED, REFERENCE, BAR = 0, 2000, 0.25
VERBS = ("admit", "inspect", "export", "run")
HASHED = 'recipe.encoder.backend="hashing"'
RUNS = ROOT / "data" / "sample"
# Folders with packages that the older tree needs and this one no longer does.
PACKAGES = os.environ.get("BASE_PACKAGES", "").split(os.pathsep)


@dataclass(frozen=True)
class Cost:
    """What one command took: seconds by the clock and by the processors, peak memory in MB, seconds by phase."""

    clock: float
    processor: float
    peak: float
    phases: dict[str, float]


def sentences() -> list[str]:
    """Sentences of 5 to 30 words of stories, encyclopedia, answers and sums, each once, in a seeded order."""
    texts = [text for name in ("creative_fiction", "technical_qa", "wikipedia_abstracts") for text in stories(name)]
    for path in sorted((DATA / "div-alpaca-eval").glob("*.json.gz")):
        texts += [row["output"] for row in json.loads(gzip.decompress(path.read_bytes()))]
    with gzip.open(DATA / "step-gsm8k" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts += [json.loads(line)["question"] for line in lines]
    with gzip.open(DATA / "text-wikitext2-valid" / "valid.txt.gz", "rt", encoding="utf-8") as lines:
        texts += list(lines)
    found = dict.fromkeys(part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+", text))
    pool = [part for part in found if 5 <= len(part.split()) <= 30]
    random.Random(SEED).shuffle(pool)
    return pool


def stories(name: str) -> Iterator[str]:
    """The string values of a sample's rows."""
    with gzip.open(DATA / "text-tinystories-sample" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            yield from (value for value in json.loads(line).values() if isinstance(value, str))


def texts_of(pool: Sequence[str], rows: int, seed: int) -> Iterator[str]:
    """Texts of two or three sentences; one in ten is a copy of an earlier one, half of these with a word left out."""
    rng, made = random.Random(seed), list[str]()
    for _ in range(rows):
        if made and rng.random() < 0.1:
            words = rng.choice(made).split()
            if rng.random() < 0.5:
                del words[rng.randrange(len(words))]
            yield " ".join(words)
            continue
        made.append(" ".join(rng.choice(pool) for _ in range(rng.randint(2, 3))))
        yield made[-1]


def write_rows(path: Path, texts: Iterator[str]) -> Path:
    """A line of JSON a text."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"content": text}) + "\n" for text in texts)
    return path


def command(tree: Path, folder: Path, *arguments: object) -> Cost:
    """Run a verb of a tree; an exit code over 1 (an alarm) ends the benchmark."""
    out = folder / "phases.json"
    out.unlink(missing_ok=True)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tree), *PACKAGES])}
    line = [sys.executable, str(ROOT / "bench" / "phases.py"), str(out), *map(str, arguments)]
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    start = time.perf_counter()
    actions = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
    child = os.posix_spawn(sys.executable, line, environment, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    clock = time.perf_counter() - start
    os.close(log)
    if os.waitstatus_to_exitcode(status) not in (0, 1) or not out.exists():
        raise SystemExit(f"{' '.join(line)}: status {status}\n{(folder / 'log.txt').read_text(encoding='utf-8')}")
    phases = json.loads(out.read_text(encoding="utf-8"))
    processor = used.ru_utime + used.ru_stime
    others = processor - sum(phases.values())
    if others > 0.02 * processor:
        phases["other processes"] = others
    return Cost(clock, processor, used.ru_maxrss / 1024, phases)


def size_of(folder: Path) -> float:
    """MB of the files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure(tree: Path, rows: int, threads: int, verbs: Sequence[str], files: tuple[Path, Path]) -> dict[str, Cost]:
    """The verbs in one tree on a corpus of their own; `digest` and `disk` are printed beside them."""
    real, candidates = files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus, costs = folder / "corpus", {}
        settings = ("--set", HASHED, "--set", f"runtime.threads={threads}")
        command(tree, folder, "init", corpus, "--reference", real, *settings)
        costs["admit"] = command(tree, folder, "admit", corpus, candidates, "--json")
        command(tree, folder, "verify", corpus, "--digest")
        digest = (folder / "log.txt").read_text(encoding="utf-8").split()[-1]
        sys.stderr.write(f"{tree.name} {rows} rows, {threads} threads: digest {digest}, {size_of(corpus):.0f} MB\n")
        if "inspect" in verbs:
            costs["inspect"] = command(tree, folder, "inspect", candidates, "--json", *settings)
        if "export" in verbs:
            costs["export"] = command(tree, folder, "export", corpus, folder / "export")
        if "run" in verbs:
            logs = ("--trajectories", RUNS, "--generator", "scripted")
            command(tree, folder, "init", folder / "runs", "--reference", RUNS, *settings)
            costs["run"] = command(tree, folder, "run", folder / "runs", *logs)
    return costs


def main() -> None:
    """Measure, print, and write the section where that is asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--base", type=Path, help="a work tree of the commit to compare with")
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=["admit"])
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    given = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is absent: this benchmark needs the data sets of a development checkout")
    told, pool, quotients = conditions(), sentences(), list[str]()
    trees = {"now": ROOT} | ({} if given.base is None else {"before": given.base})
    lines, phases = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        real = write_rows(folder / "real.jsonl", texts_of(pool, REFERENCE, SEED))
        for rows in given.rows:
            candidates = write_rows(folder / f"{rows}.jsonl", texts_of(pool, rows, SEED + 1))
            for threads in given.threads:
                costs = {
                    name: measure(tree, rows, threads, given.verbs, (real, candidates)) for name, tree in trees.items()
                }
                lines += [
                    (verb, rows, threads, name, cost.processor, 1000 * cost.processor / rows, cost.clock, cost.peak)
                    for verb in VERBS
                    for name in trees
                    if (cost := costs[name].get(verb)) is not None
                ]
                if "before" in trees:
                    share = costs["now"]["admit"].processor / costs["before"]["admit"].processor
                    met = "met" if share <= BAR else "missed"
                    quotients.append(f"{rows:,} rows on {threads}: {share:.0%} of before (bar {BAR:.0%}, {met}).")
                phases += phase_lines(rows, threads, {name: cost["admit"] for name, cost in costs.items()})
    columns = ["verb", "rows", "threads", "tree", "processor s", "ms a row", "seconds", "peak MB"]
    body = f"{told} *Before* is commit 456d3e3.\n\n{table(columns, lines)}\n\n{' '.join(quotients)}\n\n"
    body += "`admit` by phase, processor seconds:\n\n"
    body += table(["rows", "threads", "phase", *trees], phases)
    sys.stdout.write(body + "\n")
    if given.write:
        write_section("admit-profile", "The commands, by phase", body)


def phase_lines(rows: int, threads: int, costs: dict[str, Cost]) -> list[tuple[object, ...]]:
    """A line a phase, the dearest first; those under a hundredth of all are left out."""
    names = {
        phase: max(cost.phases.get(phase, 0.0) for cost in costs.values())
        for cost in costs.values()
        for phase in cost.phases
    }
    whole = max(cost.processor for cost in costs.values())
    chosen = [name for name in sorted(names, key=lambda name: -names[name]) if names[name] > whole / 100]
    return [(rows, threads, name, *(cost.phases.get(name, 0.0) for cost in costs.values())) for name in chosen]


if __name__ == "__main__":
    main()
