"""`kill -9` at random moments of a whole round and of an `init`, each followed by the same command again.

The corpus must end as if nothing had happened: the same `verify --digest`, the same anchor. Both commands are real
processes over data/sample, with the scripted generator and, so that the time goes into our own steps, hashed vectors.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from report import conditions, table, write_section
from typer.testing import CliRunner

from synthdata.cli import app
from synthdata.errors import SynthdataError

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
FAST = ("--set", "recipe.encoder.backend=hashing", "--set", "recipe.encoder.dim=96")
COMMAND = (sys.executable, "-c", "from synthdata.cli import main; main()")
ROUNDS, INITS, SEED = 30, 10, 0
INIT_FILES = (".", "corpus.json", "decisions/_delta_log", "anchors/.0.part", "anchors/.0.part/reference.parquet")


@dataclass(frozen=True)
class Kill:
    """One kill: when, whether the command still ran, what lay on disk, and whether the re-run ended the same."""

    seconds: float
    killed: bool
    found: str
    same: bool


def synthdata(*arguments: object, code: int = 0) -> str:
    """Standard output of a command that ends with this exit code, run in this process: what is killed is another."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    ended = done.exception.exit_code if isinstance(done.exception, SynthdataError) else done.exit_code
    if ended != code:
        raise SystemExit(f"{' '.join(map(str, arguments))}: exit {ended}\n{done.output}{done.exception}")
    return done.stdout


def init_command(corpus: Path) -> list[object]:
    """The `init` that is killed and run again."""
    return ["init", corpus, "--reference", SAMPLE, *FAST]


def run_command(corpus: Path, runs: Path) -> list[object]:
    """The round that is killed and run again: over all runs, since a limit would take the next ones after a commit."""
    return ["run", corpus, "--trajectories", runs, "--generator", "scripted", "--plain"]


def first_runs(count: int, path: Path) -> Path:
    """A file of the first runs of data/sample."""
    with gzip.open(SAMPLE / "textworld.jsonl.gz", "rt", encoding="utf-8") as lines:
        path.write_text("".join(islice(lines, count)), encoding="utf-8")
    return path


def timed(arguments: Sequence[object]) -> float:
    """Seconds that a command takes undisturbed, in a process of its own."""
    start = time.monotonic()
    subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, check=True)
    return time.monotonic() - start


def moments(count: int, duration: float, seed: int) -> list[float]:
    """One random moment in each of `count` equal parts of the duration."""
    rng = random.Random(seed)
    return [duration * (part + rng.random()) / count for part in range(count)]


def kill_after(seconds: float, arguments: Sequence[object]) -> bool:
    """Start a command and kill it after so many seconds; False where it had ended by itself."""
    child = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    child.kill()
    return child.wait() < 0


def digest(corpus: Path) -> str:
    """Hash of all decisions of a corpus whose every invariant holds, and how many rounds it has."""
    facts = synthdata("verify", corpus, "--digest").rsplit(":", 1)[1]
    return " ".join(facts.split())


def left_of_round(corpus: Path) -> str:
    """How far a round had come, by what lies in the corpus."""
    status = json.loads(synthdata("status", corpus, "--json"))
    if status["metrics"]:
        return "round, snapshot"
    if status["round"]:
        return "round"
    answers = sum(1 for path in (corpus / "cache" / "responses").glob("*/*.json"))
    parts = [f"{answers} answers" if answers else "", f"{status['experience']} runs" if status["experience"] else ""]
    parts.append("calibration" if "tau" in status["anchor"] else "")
    return ", ".join(filter(None, parts)) or "nothing"


def kill_rounds(base: Path, folder: Path, count: int, runs: Path, seed: int = SEED) -> tuple[float, list[Kill]]:
    """Kill the first round of copies of a fresh corpus, run it again, compare; the undisturbed seconds come first."""
    whole = Path(shutil.copytree(base, folder / "undisturbed"))
    duration = timed(run_command(whole, runs))
    expected, kills = digest(whole), []
    for seconds in moments(count, duration, seed):
        corpus = Path(shutil.copytree(base, folder / "killed"))
        killed = kill_after(seconds, run_command(corpus, runs))
        found = left_of_round(corpus)
        synthdata(*run_command(corpus, runs))
        kills.append(Kill(seconds, killed, found, digest(corpus) == expected))
        shutil.rmtree(corpus)
    return duration, kills


def anchor_of(corpus: Path) -> str:
    """Fingerprint of the anchor, as `status` shows it."""
    return str(json.loads(synthdata("status", corpus, "--json"))["anchor"]["fingerprint"])


def kill_at(path: Path, arguments: Sequence[object]) -> bool:
    """Start a command and kill it as soon as the path is there; False where it had ended by itself."""
    child = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while child.poll() is None and not path.exists():
        time.sleep(0.0005)
    child.kill()
    return child.wait() < 0


def kill_inits(folder: Path, count: int, seed: int = SEED) -> tuple[float, list[Kill]]:
    """Kill `init` in a new folder, run it again, compare the anchors; the undisturbed seconds come first.

    Nearly all of an `init` is calibration in memory, so besides random moments it is killed when each of its files
    appears.
    """
    duration = timed(init_command(folder / "whole"))
    expected, kills = anchor_of(folder / "whole"), []
    corpus = folder / "killed"
    for moment in [*moments(count, duration, seed), *INIT_FILES]:
        start = time.monotonic()
        if isinstance(moment, float):
            killed = kill_after(moment, init_command(corpus))
        else:
            killed = kill_at(corpus / moment, init_command(corpus))
        seconds = time.monotonic() - start
        finished = (corpus / "anchors" / "0").is_dir()
        found = next((name for name in reversed(INIT_FILES) if (corpus / name).exists()), "nothing")
        # Of a corpus that is not finished every reader is told so, and a finished one is not made again.
        synthdata("status", corpus, code=0 if finished else 2)
        synthdata(*init_command(corpus), code=2 if finished else 0)
        kills.append(Kill(seconds, killed, "anchor" if finished else found, anchor_of(corpus) == expected))
        shutil.rmtree(corpus)
    return duration, kills


def _part(what: str, duration: float, kills: Sequence[Kill], same: str) -> str:
    hit, held = sum(kill.killed for kill in kills), sum(kill.same for kill in kills)
    rows = [(f"{k.seconds:.2f}", "yes" if k.killed else "had ended", k.found, "yes" if k.same else "NO") for k in kills]
    head = f"{what}: {duration:.1f} s undisturbed; {len(kills)} kills, {hit} while it ran; {same} after {held}."
    return f"{head}\n\n{table(['killed after s', 'still ran', 'found on disk', 'same end'], rows)}"


def main() -> None:
    """Kill, print and write the section."""
    told = conditions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inits = kill_inits(folder / "inits", INITS)
        rounds = kill_rounds(folder / "inits" / "whole", folder / "rounds", ROUNDS, SAMPLE)
    parts = [
        f"{told} Each kill is followed by the same command again.",
        _part("A whole `run` over data/sample", *rounds, "the same digest"),
        _part("`init` from data/sample", *inits, "the same anchor"),
    ]
    body = "\n\n".join(parts)
    print(body)
    write_section("kill", "Kills at random moments", body)
    if not all(kill.same for kill in [*rounds[1], *inits[1]]):
        raise SystemExit("a kill left its mark")


if __name__ == "__main__":
    main()
