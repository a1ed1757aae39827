"""A fault matrix: every verb killed at its write points, a disk that fills up there, and damage to every kind of truth.

bench/faults.c is preloaded and counts the system calls that change the corpus, so that "every point" is meant. A child
is forked for each run, from a process that has imported everything and has started nothing, so that a run takes a
fraction of a second. After each fault the same command runs again, and the corpus must be as if nothing had happened.

    python bench/faults.py [--most N] [--verbs admit,evict] [--damages 500]
"""

from __future__ import annotations

import argparse
import ctypes
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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from report import conditions, table, write_section

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "data" / "sample" / "textworld.jsonl.gz"
OLD = HERE.parent / "tests" / "data" / "corpus-0.1.zip"
FAST = ("--set", "recipe.encoder.backend=hashing", "--set", "recipe.encoder.dim=32")
# A machine that is busy with other things takes its time; what is stuck is stuck for longer.
SECONDS = 900.0
KILL, TORN, FULL = 0, 1, 2
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
    from synthdata.corpus.digest import digest, events_digest
    from synthdata.corpus.verify import verify
    from synthdata.gate.anchor import load_anchor

    store = CorpusStore.open(corpus)
    findings = [str(finding) for finding in verify(store)]
    with store.writing():
        pass
    kinds = Counter(store.events()["kind"].to_list())
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
    told = harness.call(lambda: lesson_and_label(base / "c"), work).value
    assert isinstance(told, list)
    lesson, run, step = told
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


def disturb(harness: Harness, work: Path, scene: Scene, most: int) -> Iterator[tuple[str, str]]:
    """Kill the verb at its points, and let the disk be full from them on; kind of fault and outcome of each."""
    calm = harness.verb(scene.arguments(place(work, scene.base)), work / "place")
    expected = harness.state(work / "place" / "c").value
    again = harness.verb(scene.arguments(work / "place"), work / "place")
    twice = harness.state(work / "place" / "c").value
    if expected is None or (expected != twice and scene.name != "init"):
        raise SystemExit(f"{scene.name}: undisturbed it is {expected}, twice it is {twice}\n{calm.said}\n{again.said}")
    print(f"{scene.name}: {calm.points} points, exit {calm.code}, again {again.code}", flush=True)
    for turn, at in enumerate(spread(calm.points, round(most * scene.share))):
        for mode in (KILL, FULL) if turn % 2 else (KILL, TORN):
            arguments = scene.arguments(place(work, scene.base))
            hit = harness.verb(arguments, work / "place", at, mode)
            rerun = harness.verb_and_facts(arguments, work / "place")
            kind = ("killed", "killed, write torn", "disk full")[mode]
            outcome = _outcome(scene, hit, rerun, expected, {calm.code, again.code}, mode)
            if outcome not in ("same", "not reached"):
                kept = work / "kept" / f"{scene.name} {at} {mode}".replace(" ", "-")
                shutil.copytree(work / "place", kept, dirs_exist_ok=True)
                told = (
                    f"{scene.name} at {at}, {kind}: {outcome}",
                    hit.said,
                    rerun.said,
                    rerun.value,
                    expected,
                )
                print(*told, sep="\n", flush=True)
            yield kind, outcome


def spread(points: int, most: int) -> list[int]:
    """All points from 1 on, or so many of them at equal distances, the last ones always among them."""
    if points <= most:
        return list(range(1, points + 1))
    return sorted({1 + round(k * (points - 1) / (most - 1)) for k in range(most)})


def _outcome(scene: Scene, hit: Run, rerun: Run, expected: object, codes: set[int], mode: int) -> str:
    if hit.hung or rerun.hung:
        return "stuck"
    if not hit.killed and mode != FULL:
        return "not reached"
    if not hit.clean or not rerun.clean or not isinstance(rerun.value, list):
        return "traceback"
    if mode == FULL and hit.code not in {2, *codes}:
        return f"exit {hit.code}"
    code, state = rerun.value
    if code not in {*codes, 2 if scene.name == "init" else 0}:
        return f"exit {code} of the re-run"
    return "same" if state == expected else "another state"


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


def damages(harness: Harness, work: Path, count: int, admitted: Path) -> Iterator[tuple[str, str, str]]:
    """Single damages over every kind of truth; kind, damage, and whether it was found before a decision."""
    folder = place(work, "base")
    harness.verb(["heldout", work / "base" / "c", work / "exam.jsonl"], work / "base")
    folder = place(work, "base")
    calm = harness.verb(["admit", folder / "c", admitted], folder)
    expected = harness.state(folder / "c").value
    assert calm.code == 0 and expected is not None, calm.said
    done = 0
    for seed in range(count):
        if done >= count:
            return
        for name, pattern in KINDS.items():
            for how in DAMAGES:
                rng = random.Random(f"{seed} {name} {how}")
                folder = place(work, "base")
                paths = sorted((folder / "c").glob(pattern))
                path = rng.choice(paths)
                if not damage(path, how, rng, paths):
                    continue
                seen = harness.verb(["verify", folder / "c"], folder)
                before = len(list((folder / "c" / "decisions").glob("*.parquet")))
                took = harness.verb(["admit", folder / "c", admitted], folder)
                decided = len(list((folder / "c" / "decisions").glob("*.parquet"))) > before
                outcome = _found(harness, folder, seen, took, decided, expected)
                if not outcome.startswith(("found", "harmless")):
                    where = path.relative_to(folder)
                    shutil.copytree(
                        folder, work / "kept" / f"damage {seed} {name} {how}".replace(" ", "-"), dirs_exist_ok=True
                    )
                    print(
                        f"{where} {how} ({seed}): {outcome}\n{seen.code} {seen.said}\n{took.code} {took.said}",
                        flush=True,
                    )
                done += 1
                yield name, how, outcome


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


def preload(harness: Harness, work: Path, scenes: Sequence[Scene]) -> None:
    """Import here what verbs import late, so that children need not."""
    for scene in scenes:
        run = harness.verb(scene.arguments(place(work, scene.base)), work / "place")
        for name in run.modules:
            if not name.startswith(("__", "synthdata.cli.main")):
                try:
                    importlib.import_module(name)
                except ImportError:
                    continue


def section(
    told: str, kills: dict[str, Counter[tuple[str, str]]], found: Counter[tuple[str, str]], seconds: float
) -> str:
    """The part of docs/benchmarks.md."""
    total = Counter[str]()
    lines = []
    for verb, counted in kills.items():
        for kind in ("killed", "killed, write torn", "disk full"):
            outcomes = {outcome: n for (k, outcome), n in counted.items() if k == kind and outcome != "not reached"}
            bad = {outcome: n for outcome, n in outcomes.items() if outcome != "same"}
            total.update({kind: sum(outcomes.values()), "bad": sum(bad.values())})
            if outcomes:
                lines.append((verb, kind, sum(outcomes.values()), outcomes.get("same", 0), str(bad or "")))
    names = sorted({name for name, _ in found})
    damaged = [
        (
            name,
            *(
                sum(n for (k, o), n in found.items() if k == name and o.startswith(what))
                for what in ("found", "harmless", "MISSED", "traceback", "stuck")
            ),
        )
        for name in names
    ]
    killed = total["killed"] + total["killed, write torn"]
    parts = [
        f"{told} {seconds / 60:.0f} minutes, on a memory disk. {killed} kills before system calls that change the "
        "corpus, spread over all of a verb's, every third with that write half done, and "
        f"{total['disk full']} disks that were full from such a call on; after each the same command again. "
        f"**{total['bad']} ended otherwise than undisturbed** (rows, digests, events, anchors, held-out list, "
        "left-over parts, lock, exit code, traceback).",
        table(["verb", "fault", "faults", "same end", "else"], lines),
        f"{sum(found.values())} single damages to files of the truth (bits, cuts, deletions, zeros, edited digits, "
        "appended bytes, files swapped for another of their kind), each looked at by `verify` and by `admit`. "
        "Harmless: `admit` ended as on the undamaged corpus.",
        table(["truth", "found", "harmless", "missed", "traceback", "stuck"], damaged),
    ]
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Disturb, print, write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--most", type=int, default=54, help="points of a verb at most")
    parser.add_argument("--verbs", default="")
    parser.add_argument("--damages", type=int, default=500)
    parser.add_argument("--work", type=Path)
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
    told, start = conditions(), time.monotonic()
    harness = Harness(work / "faults.so", work)
    scenes = prepare(harness, work)
    scenes = [scene for scene in scenes if not asked.verbs or scene.name in asked.verbs.split(",")]
    # Verbs that take long come last: what was counted by then stands, whenever the run is stopped.
    scenes.sort(key=lambda scene: (scene.share < 1, scene.name in ("admit", "export", "export again", "reanchor")))
    preload(harness, work, scenes)
    kills: dict[str, Counter[tuple[str, str]]] = {}
    for scene in scenes if asked.most else ():
        kills[scene.name] = Counter(disturb(harness, work, scene, asked.most))
        print(scene.name, dict(kills[scene.name]), f"{time.monotonic() - start:.0f} s", flush=True)
    found: Counter[tuple[str, str]] = Counter()
    for name, _, outcome in damages(harness, work, asked.damages, work / "second.jsonl") if asked.damages else ():
        found[name, outcome] += 1
    body = section(told, kills, found, time.monotonic() - start)
    print(body)
    if not asked.verbs:
        write_section("faults", "Faults", body)


if __name__ == "__main__":
    main()
