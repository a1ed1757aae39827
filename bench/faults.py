"""A fault matrix: every verb killed at its write points, a disk that fills up there, and damage to every kind of truth.

bench/faults.c is preloaded and counts the system calls that change the corpus, so that "every point" is meant. A child
is forked for each run, from a process that has imported everything and has started nothing, so that a run takes a
fraction of a second. After a chain of faults the same command runs to its end, and the corpus must be as if nothing
had happened.

    python bench/faults.py [--most N] [--verbs admit,evict] [--damages 500] [--work FOLDER] [--minutes 30]
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import functools
import gzip
import hashlib
import importlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from report import conditions, table, write_section

if TYPE_CHECKING:
    from synthdata.corpus import CorpusStore

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "data" / "sample" / "textworld.jsonl.gz"
OLD = HERE.parent / "tests" / "data" / "corpus-0.1.zip"
FAST = ("--set", "recipe.encoder.backend=hashing", "--set", "recipe.encoder.dim=32")
# A machine that is busy with other things takes its time; what is stuck is stuck for longer.
SECONDS = 900.0
KILL, TORN, FULL = 0, 1, 2
KILLED = ("killed", "killed, write torn")
DONE = (*KILLED, "disk full")
# So many faults come one after the other before the verb may run to its end.
IN_CHAIN = 6
LEFT = re.compile(r"\.part$|\.old$|#\d+$")


class Harness:
    """Runs the command line in forked children, under the shim."""

    def __init__(self, shim: Path, work: Path) -> None:
        self._shim = ctypes.CDLL(str(shim))
        self._work = work
        self._log = work / "log.txt"

    def call(self, function: Callable[[], object], folder: Path, at: int = 0, mode: int = KILL) -> Run:
        """Run a function in a child whose changes under `folder` are counted, killed at point `at`."""
        note = self._work / "note.json"
        note.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            self._child(function, folder, at, mode, note)
        deadline = time.monotonic() + SECONDS
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return Run(-1, 0, "hangs", True, None)
            time.sleep(0.002)
        told = json.loads(note.read_text()) if note.exists() else {}
        said = self._log.read_text(encoding="utf-8", errors="replace")
        killed = os.WIFSIGNALED(status)
        code = -1 if killed else os.WEXITSTATUS(status)
        return Run(code, told.get("points", 0), said, False, told.get("value"), killed, told.get("modules", []))

    def _child(self, function: Callable[[], object], folder: Path, at: int, mode: int, note: Path) -> None:
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        before, code, value = set(sys.modules), 0, None
        self._shim.faults_arm(str(folder).encode(), ctypes.c_long(at), mode)
        try:
            value = function()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 99
        points = ctypes.c_long.in_dll(self._shim, "faults_points").value
        self._shim.faults_arm(b"", ctypes.c_long(0), KILL)
        sys.stdout.flush()
        sys.stderr.flush()
        modules = sorted(set(sys.modules) - before)
        note.write_text(json.dumps({"points": points, "value": value, "modules": modules}))
        os._exit(code)

    def verb(self, arguments: Sequence[object], folder: Path, at: int = 0, mode: int = KILL) -> Run:
        """Run a verb of the command line."""

        def main() -> None:
            from synthdata.cli import main as command

            sys.argv = ["synthdata", *map(str, arguments)]
            command()

        return self.call(main, folder, at, mode)

    def verb_and_facts(self, arguments: Sequence[object], folder: Path) -> Run:
        """Run a verb, then look at the corpus: its facts and the verb's exit code."""

        def both() -> list[object]:
            from synthdata.cli import main as command

            sys.argv = ["synthdata", *map(str, arguments)]
            code = 0
            try:
                command()
            except SystemExit as error:
                code = error.code if isinstance(error.code, int) else int(error.code is not None)
            return [code, facts(folder / "c")]

        return self.call(both, folder)

    def state(self, corpus: Path) -> Run:
        """What the corpus holds, as plain facts."""
        return self.call(lambda: facts(corpus), corpus)


@dataclass(frozen=True)
class Run:
    """How a child ended: exit code, points that it passed, what it printed, and what the function returned."""

    code: int
    points: int
    said: str
    hung: bool
    value: object
    killed: bool = False
    modules: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """No traceback, no panic, no code that means a bug."""
        return self.code not in (70, 99) and "Traceback" not in self.said and "panicked" not in self.said


def facts(corpus: Path) -> dict[str, object]:
    """Everything about a corpus that must not depend on faults."""
    from synthdata.corpus import CorpusStore
    from synthdata.corpus.tables import Table

    store = CorpusStore.open(corpus)
    with store.writing():
        pass
    # Nobody writes from here on, so each table is opened once: opening them is half of what this costs.
    opened, really = dict[Path, object](), Table.open

    def once(table: Table) -> object:
        if table.folder not in opened:
            opened[table.folder] = really(table)
        return opened[table.folder]

    with mock.patch.object(Table, "open", once):
        return _facts(store)


def _facts(store: CorpusStore) -> dict[str, object]:
    from synthdata.corpus.digest import digest, events_digest
    from synthdata.corpus.verify import verify
    from synthdata.gate.anchor import load_anchor
    from synthdata.rounds.budget import spent

    corpus = store.path
    findings = [str(finding) for finding in verify(store)]
    kinds = Counter(store.events()["kind"].to_list())
    # A killed run has paid for what it asked: it is settled in an event of its own.
    del kinds["spend"]
    ids = "".join(sorted(store.admitted_ids()))
    return {
        "findings": findings,
        "digest": digest(store),
        "events": events_digest(store),
        "admitted": hashlib.sha256(ids.encode()).hexdigest(),
        "counts": [
            store.experience_count(),
            store.decisions(["id"]).height,
            store.snapshots().height,
            *sorted(kinds.items()),
        ],
        "spent": spent(store).tokens,
        "anchor": [store.anchor, load_anchor(store.anchor_dir()).fingerprint],
        "heldout": sorted(path.name for path in store.heldout_dir.iterdir()),
        "left": sorted(
            str(p.relative_to(corpus)) for p in corpus.rglob("*") if LEFT.search(p.name) and "cache" not in p.parts
        ),
    }


@dataclass(frozen=True)
class Scene:
    """A verb to be disturbed: the folder that it starts from ("" for none), and its arguments in a place.

    A verb that takes long is disturbed at a `share` of as many points as others.
    """

    name: str
    base: str
    arguments: Callable[[Path], list[object]]
    share: float = 1.0


def rows(path: Path, count: int, seed: int) -> Path:
    """A file of made-up texts with contexts."""
    words = ["".join(random.Random(k).choices("bcdfglmnprst", k=3)) + "aeiou"[k % 5] * 2 for k in range(700)]
    rng = random.Random(seed)
    lines = [
        {"content": " ".join(rng.choices(words, k=rng.randint(12, 30))), "context": " ".join(rng.choices(words, k=9))}
        for _ in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    return path


def first_runs(path: Path, start: int, count: int) -> Path:
    """A file of some runs of data/sample."""
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        path.write_text("".join(islice(lines, start, start + count)), encoding="utf-8")
    return path


def prepare(harness: Harness, work: Path) -> list[Scene]:
    """Make the bases that scenes start from, and the scenes."""
    files = {
        name: rows(work / f"{name}.jsonl", count, k)
        for k, (name, count) in enumerate(
            (("reference", 130), ("first", 40), ("second", 30), ("newer", 130), ("exam", 5))
        )
    }
    runs = first_runs(work / "runs.jsonl", 0, 12)
    more = first_runs(work / "more.jsonl", 12, 10)
    names = work / "names.json"
    if not names.exists():
        names.write_text(json.dumps(make_bases(harness, work, files, runs)))
    lesson, run, step = json.loads(names.read_text())
    label = work / "labels.jsonl"
    label.write_text(json.dumps({"trajectory_id": run, "step": step, "label": "bad", "by": "me"}) + "\n")
    return [
        Scene("init", "", lambda p: ["init", p / "c", "--reference", files["reference"], *FAST], 0.25),
        Scene("admit", "base", lambda p: ["admit", p / "c", files["second"]]),
        Scene(
            "run", "base", lambda p: ["run", p / "c", "--trajectories", more, "--generator", "scripted", "--plain"], 0.5
        ),
        Scene("export", "base", lambda p: ["export", p / "c", p / "new"]),
        Scene("export again", "base", lambda p: ["export", p / "c", p / "out"]),
        Scene("retract", "base", lambda p: ["retract", p / "c", "--id", lesson, "--reason", "wrong"]),
        Scene("evict", "base", lambda p: ["evict", p / "c", "--rows", "5", "--reason", "too large"]),
        Scene("supersede", "base", lambda p: ["supersede", p / "c", lesson, "--reason", "overtaken"]),
        Scene("label", "base", lambda p: ["label", p / "c", label]),
        Scene("heldout", "base", lambda p: ["heldout", p / "c", files["exam"]]),
        Scene("unfreeze", "frozen", lambda p: ["unfreeze", p / "c", "--reason", "looked at"]),
        Scene("reanchor", "base", lambda p: ["reanchor", p / "c", "--reference", files["newer"], "--reason", "newer"]),
        Scene("maintain", "base", lambda p: ["maintain", p / "c", "--keep-rounds", "1", "--keep-hours", "0"]),
        Scene("monitor", "base", lambda p: ["monitor", p / "c"]),
        Scene("verify --rebuild", "base", lambda p: ["verify", p / "c", "--rebuild"]),
        Scene("verify --repair", "torn", lambda p: ["verify", p / "c", "--repair"]),
        Scene("first write to an old corpus", "old", lambda p: ["admit", p / "c", files["second"]]),
    ]


def make_bases(harness: Harness, work: Path, files: Mapping[str, Path], runs: Path) -> object:
    """Make the folders that verbs start from; an admitted row, and a run with one of its agent's steps."""
    base = work / "base"

    def do(*arguments: object) -> Run:
        done = harness.verb(arguments, work)
        if done.code not in (0, 1):
            raise SystemExit(f"{arguments}: exit {done.code}\n{done.said}")
        return done

    do("init", base / "c", "--reference", files["reference"], *FAST)
    do("admit", base / "c", files["first"])
    scripted = ("--generator", "scripted", "--plain")
    do("run", base / "c", "--trajectories", runs, *scripted)
    do("export", base / "c", base / "out")
    shutil.copytree(base, work / "frozen")
    harness.call(lambda: freeze(work / "frozen" / "c"), work)
    shutil.copytree(base, work / "torn")
    sorted((work / "torn" / "c" / "decisions" / "_delta_log").glob("*.json"))[-1].unlink()
    (work / "old").mkdir()
    with zipfile.ZipFile(OLD) as archive:
        archive.extractall(work / "old" / "c")
    shutil.copytree(base, work / "held")
    harness.verb(["heldout", work / "held" / "c", files["exam"]], work)
    return harness.call(lambda: lesson_and_label(base / "c"), work).value


def freeze(corpus: Path) -> None:
    """Freeze a corpus as an alarm would."""
    from synthdata.corpus import CorpusStore

    with CorpusStore.open(corpus).writing() as store:
        store.append_event("freeze", "a test", {"reason": "a test"}, store.latest_round())


def lesson_and_label(corpus: Path) -> list[object]:
    """An admitted row, and a run with one of its agent's steps."""
    from synthdata.corpus import CorpusStore

    store = CorpusStore.open(corpus)
    run = next(iter(store.trajectories()))
    return [sorted(store.admitted_ids())[0], run.id, run.agent_steps[0].idx]


def place(work: Path, base: str) -> Path:
    """A fresh copy of a base to be disturbed."""
    folder = work / "place"
    shutil.rmtree(folder, ignore_errors=True)
    if base:
        shutil.copytree(work / base, folder)
    else:
        folder.mkdir()
    return folder


@dataclass(frozen=True)
class Calm:
    """A verb that nothing disturbs: its points, exit codes of it and of the same command again, and what it leaves."""

    points: int
    codes: list[int]
    expected: dict[str, Any]
    modules: list[str]


def calm(harness: Harness, work: Path, scene: Scene) -> Calm:
    """Run a verb undisturbed, twice; kept in the work folder, so that a later run of this script need not."""
    kept = work / f"calm {scene.name}.json".replace(" ", "-")
    if kept.exists():
        return Calm(**json.loads(kept.read_text()))
    once = harness.verb(scene.arguments(place(work, scene.base)), work / "place")
    expected = harness.state(work / "place" / "c").value
    again = harness.verb(scene.arguments(work / "place"), work / "place")
    twice = harness.state(work / "place" / "c").value
    if expected is None or (expected != twice and scene.name != "init"):
        print(harness.state(work / "place" / "c").said)
        raise SystemExit(f"{scene.name}: undisturbed it is {expected}, twice it is {twice}\n{once.said}\n{again.said}")
    print(f"{scene.name}: {once.points} points, exit {once.code}, again {again.code}", flush=True)
    found = Calm(once.points, sorted({once.code, again.code}), expected, once.modules)
    kept.write_text(json.dumps(asdict(found)))
    return Calm(**json.loads(kept.read_text()))


Fault = tuple[int, int]


def chains(scene: Scene, undisturbed: Calm, most: int) -> list[list[Fault]]:
    """The faults of a verb, point and kind each, in chains: between two of a chain the verb is only begun again.

    A chain rises, since a verb that has committed passes fewer points when it runs again.
    """
    faults: list[Fault] = []
    for turn, at in enumerate(spread(undisturbed.points, round(most * scene.share))):
        faults += [(at, KILL), (at, TORN)] + ([(at, FULL)] if turn % 2 else [])
    count_ = -(-len(faults) // IN_CHAIN)
    return [faults[k::count_] for k in range(count_)]


def disturb(
    harness: Harness, work: Path, scene: Scene, chain: Sequence[Fault], undisturbed: Calm
) -> list[tuple[str, str]]:
    """Kill the verb at one point after the other, or let the disk be full from there on, then run it to its end.

    Kind and outcome of each fault; what is wrong at the end is counted for each fault of the chain.
    """
    arguments = scene.arguments(place(work, scene.base))
    codes = set(undisturbed.codes)
    hits = [harness.verb(arguments, work / "place", at, mode) for at, mode in chain]
    rerun = harness.verb_and_facts(arguments, work / "place")
    end = _end(scene, rerun, undisturbed.expected, codes)
    found = [(DONE[mode], _hit(hit, mode, codes) or end) for (_, mode), hit in zip(chain, hits, strict=True)]
    if any(outcome not in ("same", "not reached") for _, outcome in found):
        name = "-".join([scene.name, *(f"{at}.{mode}" for at, mode in chain)])
        shutil.copytree(work / "place", work / "kept" / name.replace(" ", "-"), dirs_exist_ok=True)
        print(scene.name, chain, found, *(hit.said for hit in hits), rerun.said, rerun.value, sep="\n", flush=True)
    return found


def spread(points: int, most: int) -> list[int]:
    """All points from 1 on, or so many of them at equal distances, the last ones always among them."""
    if points <= most:
        return list(range(1, points + 1))
    return sorted({1 + round(k * (points - 1) / (most - 1)) for k in range(most)})


def _hit(hit: Run, mode: int, codes: set[int]) -> str:
    """What is to be said of a run that met a fault, empty where only the end can tell."""
    if hit.hung:
        return "stuck"
    if not hit.killed and mode != FULL:
        return "not reached"
    if not hit.clean:
        return "traceback"
    return f"exit {hit.code}" if mode == FULL and hit.code not in {2, *codes} else ""


def _end(scene: Scene, rerun: Run, expected: dict[str, Any], codes: set[int]) -> str:
    if rerun.hung:
        return "stuck"
    if not rerun.clean or not isinstance(rerun.value, list):
        return "traceback"
    code, state = rerun.value
    if code not in {*codes, 2 if scene.name == "init" else 0}:
        return f"exit {code} of the re-run"
    # An answer may be lost with the process after it was paid for; then it is asked, and paid, again.
    paid = state["spent"] >= expected["spent"]
    return "same" if paid and state | {"spent": 0} == expected | {"spent": 0} else "another state"


KINDS = {
    "corpus.json": "corpus.json",
    "anchor, JSON": "anchors/*/*.json",
    "anchor, arrays": "anchors/*/*.npz",
    "anchor, reference": "anchors/*/*.parquet",
    "held-out list": "heldout/*.jsonl",
    "decisions, data": "decisions/*.parquet",
    "decisions, log": "decisions/_delta_log/*.json",
    "events, data": "events/*.parquet",
    "events, log": "events/_delta_log/*.json",
    "experience, data": "experience/*.parquet",
    "experience, log": "experience/_delta_log/*.json",
    "snapshots, data": "snapshots/*.parquet",
    "snapshots, log": "snapshots/_delta_log/*.json",
    "seals": "seals/*.jsonl",
}
DAMAGES = ("a bit flipped", "cut", "deleted", "a block of zeros", "a number edited", "bytes appended", "swapped")


def damage(path: Path, how: str, rng: random.Random, others: Sequence[Path]) -> bool:
    """Do one damage to a file; False where this kind cannot be done to it."""
    data = bytearray(path.read_bytes())
    if how == "a bit flipped":
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif how == "cut":
        data = data[: rng.randrange(len(data))]
    elif how == "deleted":
        path.unlink()
        return True
    elif how == "a block of zeros":
        start = rng.randrange(len(data))
        data[start : start + 64] = bytes(len(data[start : start + 64]))
    elif how == "a number edited":
        places = [found.start() for found in re.finditer(rb"[0-9]", data)] if path.suffix in (".json", ".jsonl") else []
        if not places:
            return False
        place_ = rng.choice(places)
        data[place_] = ord("0") + (data[place_] - ord("0") + rng.randint(1, 9)) % 10
    elif how == "bytes appended":
        data += bytes(rng.randrange(256) for _ in range(7))
    else:
        candidates = [other for other in others if other != path and other.read_bytes() != bytes(data)]
        if not candidates:
            return False
        data = bytearray(rng.choice(candidates).read_bytes())
    path.write_bytes(data)
    return True


def damaged(
    harness: Harness, work: Path, seed: int, name: str, how: str, undisturbed: Calm, admitted: Path
) -> str | None:
    """Do a single damage to a file of this kind; whether it was found before a decision, None where it cannot be done.

    `undisturbed` is how `admit` ends on the undamaged corpus.
    """
    rng = random.Random(f"{seed} {name} {how}")
    folder = place(work, "held")
    paths = sorted((folder / "c").glob(KINDS[name]))
    path = rng.choice(paths)
    if not damage(path, how, rng, paths):
        return None
    seen = harness.verb(["verify", folder / "c"], folder)
    before = len(list((folder / "c" / "decisions").glob("*.parquet")))
    took = harness.verb(["admit", folder / "c", admitted], folder)
    decided = len(list((folder / "c" / "decisions").glob("*.parquet"))) > before
    outcome = _found(harness, folder, seen, took, decided, undisturbed.expected)
    if not outcome.startswith(("found", "harmless")):
        where = path.relative_to(folder)
        kept = work / "kept" / f"damage {seed} {name} {how}".replace(" ", "-").replace(",", "")
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        told = f"{where} {how} ({seed}): {outcome}"
        print(told, seen.code, seen.said, took.code, took.said, sep="\n", flush=True)
    return outcome


def _found(harness: Harness, folder: Path, seen: Run, took: Run, decided: bool, expected: object) -> str:
    if seen.hung or took.hung:
        return "stuck"
    if not seen.clean or not took.clean:
        return "traceback"
    if seen.code == 3 and took.code == 3 and not decided:
        return "found"
    after = harness.state(folder / "c")
    if took.code == 0 and after.value == expected:
        return "harmless: the same end" if seen.code == 0 else "found by verify, healed by the next write"
    if seen.code == 3 and took.code in (2, 3) and not decided:
        return "found"
    return f"MISSED (verify {seen.code}, admit {took.code})"


def build_shim(work: Path) -> Path:
    """Compile the shim."""
    shim = work / "faults.so"
    subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", shim, HERE / "faults.c", "-ldl", "-lpthread"], check=True)
    return shim


def preload(calms: Sequence[Calm]) -> None:
    """Import here what verbs import late, so that children need not, and build the command line once."""
    for found in calms:
        for name in found.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    import typer.main

    typer.main.get_command = functools.cache(typer.main.get_command)


@dataclass(frozen=True)
class Results:
    """The outcome of each cell, a line each in a file: what an earlier run of this script did is not done again."""

    path: Path

    def read(self) -> dict[str, list[str]]:
        """Verb or kind of truth, fault and outcome of each cell by its name."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return dict(json.loads(line) for line in lines)

    def add(self, name: str, told: Sequence[str]) -> None:
        """Keep a cell."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, told]) + "\n")


def section(told: str, results: Mapping[str, Sequence[str]]) -> str:
    """The part of docs/benchmarks.md, from all cells."""
    kills = [told for name, told in results.items() if name.startswith("verb ") and told[2] != "not reached"]
    found = [told for name, told in results.items() if name.startswith("damage ") and told[2] != "cannot be done"]
    lines = []
    for verb in dict.fromkeys(sorted(verb for verb, _, _ in kills)):
        counts = [Counter(o for v, k, o in kills if v == verb and k in kinds) for kinds in (KILLED, ("disk full",))]
        bad = {outcome: n for outcome, n in (counts[0] + counts[1]).items() if outcome != "same"}
        same = [str(n) for count in counts for n in (count.total(), count["same"])]
        lines.append((verb, *map(int, same), str(bad or "")))
    damages = [
        (
            name,
            *(
                sum(o.startswith(what) for k, _, o in found if k == name)
                for what in ("found", "harmless", "MISSED", "traceback", "stuck")
            ),
        )
        for name in dict.fromkeys(sorted(name for name, _, _ in found))
    ]
    killed, full = (sum(kind in kinds for _, kind, _ in kills) for kinds in (KILLED, ("disk full",)))
    bad = sum(outcome != "same" for _, _, outcome in kills)
    parts = [
        f"{told} On a memory disk. {killed} kills before system calls that change the corpus, spread over all of a "
        f"verb's, many with that write half done, and {full} disks that were full from such a call on, in "
        f"chains of up to {IN_CHAIN} after which the same command ran to its end. **{bad} ended otherwise than "
        "undisturbed** (rows, digests, events, anchors, held-out list, left-over parts, lock, exit code, traceback).",
        table(["verb", "kills", "same end", "full disks", "same end", "else"], lines),
        f"{len(found)} single damages to files of the truth (bits, cuts, deletions, zeros, edited digits, "
        "appended bytes, files swapped for another of their kind), each looked at by `verify` and by `admit`. "
        "Harmless: `admit` ended as on the undamaged corpus.",
        table(["truth", "found", "harmless", "missed", "traceback", "stuck"], damages),
    ]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Disturb, print, write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=54, help="points of a verb at most")
    parser.add_argument("--verbs", default="", help="only these, with commas between")
    parser.add_argument("--damages", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=600.0, help="stop after so long; the next run goes on")
    parser.add_argument("--work", type=Path, help="kept, with every outcome: a run with the same folder goes on")
    asked = parser.parse_args()
    work = (
        asked.work or Path(tempfile.mkdtemp(prefix="faults-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    ).resolve()
    if "LD_PRELOAD" not in os.environ:
        work.mkdir(parents=True, exist_ok=True)
        shim = build_shim(work)
        environment = os.environ | {"LD_PRELOAD": str(shim), "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"}
        os.execve(sys.executable, [sys.executable, *sys.argv, "--work", str(work)], environment)
    del os.environ["LD_PRELOAD"]
    told, results = conditions(), Results(work / "results.jsonl")
    todo = left_to_do(Harness(work / "faults.so", work), work, asked, results)
    # In mixed order: a part of each verb's and of each kind's is done whenever the run is stopped.
    random.Random(0).shuffle(todo)
    start = time.monotonic()
    for number, do in enumerate(todo, 1):
        if time.monotonic() - start > 60 * asked.minutes:
            break
        do()
        if number % 20 == 0:
            print(f"{number} of {len(todo)}, {time.monotonic() - start:.0f} s", flush=True)
    body = section(told, results.read())
    print(body)
    write_section("faults", "Faults", body)


def damages_to_do(harness: Harness, work: Path, asked: int, sound: Calm, results: Results) -> list[Callable[[], None]]:
    """The single damages that no earlier run did."""
    known = results.read()

    def harm(cell: str, seed: int, name: str, how: str) -> None:
        outcome = damaged(harness, work, seed, name, how, sound, work / "second.jsonl")
        results.add(cell, [name, how, outcome or "cannot be done"])

    # A file without a number has none to be edited: such a cell is not one of those that were asked for.
    more = asked + sum(told[2] == "cannot be done" for told in known.values())
    every = ((seed, name, how) for seed in count() for name in KINDS for how in DAMAGES)
    return [
        functools.partial(harm, cell, seed, name, how)
        for seed, name, how in islice(every, more if asked else 0)
        if (cell := f"damage {seed} {name} {how}") not in known
    ]


def left_to_do(harness: Harness, work: Path, asked: argparse.Namespace, results: Results) -> list[Callable[[], None]]:
    """The cells that no earlier run did, each as a call that does it and keeps its outcome."""
    every = prepare(harness, work)
    scenes = [scene for scene in every if not asked.verbs or scene.name in asked.verbs.split(",")]
    calms = {scene.name: calm(harness, work, scene) for scene in scenes}
    admitting = next(scene for scene in every if scene.name == "admit")
    sound = calm(harness, work, replace(admitting, name="admit undamaged", base="held"))
    preload([*calms.values(), sound])
    known = results.read()
    todo = damages_to_do(harness, work, asked.damages, sound, results)

    def fault(scene: Scene, chain: Sequence[Fault]) -> None:
        done = disturb(harness, work, scene, chain, calms[scene.name])
        missed = [each for each, (_, outcome) in zip(chain, done, strict=True) if outcome == "not reached"]
        if missed and missed != list(chain):
            # A verb that has committed passes few points when it runs again: these begin a chain of their own.
            todo.append(functools.partial(fault, scene, missed))
        for (at, mode), told in zip(chain, done, strict=True):
            if told[1] != "not reached" or len(missed) == len(chain):
                results.add(f"verb {scene.name} {at} {mode}", [scene.name, *told])

    for scene in scenes:
        for chain in chains(scene, calms[scene.name], asked.most):
            left = [(at, mode) for at, mode in chain if f"verb {scene.name} {at} {mode}" not in known]
            if left:
                todo.append(functools.partial(fault, scene, left))
    return todo


if __name__ == "__main__":
    main()
