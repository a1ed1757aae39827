"""A schedule that is killed while it runs: what became of each tick, and whether a round was lost or made twice.

`python bench/schedule.py` runs ten minutes on an interval of 60 seconds with new logs for every tick. On the way the
process that starts the runs is killed, then the Prefect server, then the run itself, each by kill -9.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from report import conditions, table, write_section

from synthdata.corpus import CorpusStore
from synthdata.corpus.verify import verify

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
SETTINGS = """
[recipe.encoder]
backend = "hashing"
dim = 96
[recipe.generation]
generator = "scripted"
[runtime]
chunk_size = 10
"""
FIRST_RUNS = 60
NEW_RUNS = 10
LAST_SECONDS = 45.0
WHOLE_MINUTES = 10.0  # a shorter run is a trial and is not written down


@dataclass(frozen=True)
class Tick:
    """A scheduled run: when it was due, its state, and what the state says."""

    due: str
    kind: str
    state: str
    message: str


def prepare(folder: Path) -> list[str]:
    """A corpus and the first logs in `folder`; the lines of the logs that will arrive later."""
    (folder / "settings.toml").write_text(SETTINGS)
    lines = [line for path in sorted(SAMPLE.glob("*.jsonl.gz")) for line in unzipped(path)]
    random.Random(5).shuffle(lines)
    (folder / "logs").mkdir()
    (folder / "logs" / "0000.jsonl").write_text("".join(lines[:FIRST_RUNS]))
    arguments = ["init", str(folder / "c"), "--reference", str(SAMPLE), "--config", str(folder / "settings.toml")]
    subprocess.run([*command(), *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return lines[FIRST_RUNS:]


def unzipped(path: Path) -> list[str]:
    """The lines of a packed file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return list(file)


def command() -> list[str]:
    """The command line of this interpreter."""
    return [sys.executable, "-c", "from synthdata.cli import main; main()"]


def start(folder: Path, interval: float) -> tuple[subprocess.Popen[str], str]:
    """The scheduler and the URL of its API."""
    arguments = ["schedule", str(folder / "c"), "--trajectories", str(folder / "logs"), "--interval", f"{interval:g}s"]
    environment = {**os.environ, "SYNTHDATA_CACHE": str(folder / "cache")}
    environment.pop("PREFECT_API_URL", None)
    scheduler = subprocess.Popen(
        [*command(), *arguments, "--monitor-every", "5m"], env=environment, text=True, stderr=subprocess.PIPE
    )
    assert scheduler.stderr is not None
    said = []
    for line in scheduler.stderr:
        said.append(line)
        if line.startswith("Prefect API: "):
            return scheduler, line.split()[-1]
    scheduler.stderr.close()
    raise SystemExit(f"the scheduler ended with code {scheduler.wait()}: {''.join(said)}")


def kill(scheduler: subprocess.Popen[str], what: str) -> str:
    """Kill the child whose command holds `what`, or for `tick` a run that is at work; what was done."""
    for pid in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if f" {what}" in line and descends(pid, scheduler.pid):
            os.kill(pid, signal.SIGKILL)
            return f"kill -9 of {what}"
    return f"no {what} to kill"


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process was started by another or by its children."""
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == ancestor:
            return True
    return False


def ticks(url: str) -> list[Tick]:
    """All runs of the tick that were due, in the order of when."""
    wanted = {"flows": {"name": {"any_": ["tick"]}}, "sort": "EXPECTED_START_TIME_ASC", "limit": 200}
    runs: list[dict[str, Any]] = httpx2.post(f"{url}/flow_runs/filter", json=wanted, timeout=30).json()
    found = []
    for run in runs:
        state, message = run["state"]["name"], run["state"]["message"] or ""
        if state == "Scheduled":
            continue
        kind = {"COMPLETED": "done", "CANCELLED": "skipped", "CRASHED": "run again", "FAILED": "run again"}
        due = datetime.fromisoformat(run["expected_start_time"]).strftime("%H:%M:%S")
        found.append(Tick(due, kind.get(run["state"]["type"], "not over"), state, message))
    return found


def with_missed(listed: Sequence[Tick], interval: float) -> list[Tick]:
    """The list with the ticks of the interval that no run was made for, since the process for it was being started."""
    complete: list[Tick] = []
    for tick in listed:
        while complete and (gap := _clock(tick.due) - _clock(complete[-1].due)) > timedelta(seconds=1.5 * interval):
            due = (_clock(tick.due) - gap + timedelta(seconds=interval)).strftime("%H:%M:%S")
            complete.append(Tick(due, "run again", "not made", "came due while the process that starts runs was away"))
        complete.append(tick)
    return complete


def _clock(due: str) -> datetime:
    return datetime.strptime(due, "%H:%M:%S").replace(tzinfo=UTC)


def watch(folder: Path, later: list[str], minutes: float, interval: float) -> tuple[list[Tick], list[str]]:
    """Run the schedule with kills at a third, half and two thirds of the time, and logs that arrive for each tick."""
    scheduler, url = start(folder, interval)
    began, kills, files = time.monotonic(), [], 0
    plan = [(0.3, "flows.runner"), (0.5, "flows.server"), (0.7, "prefect.engine")]
    try:
        while (passed := time.monotonic() - began) < 60 * minutes:
            if later and passed >= files * interval:
                files += 1
                (folder / f"{files:04}.part").write_text("".join(later[:NEW_RUNS]))
                (folder / f"{files:04}.part").rename(folder / "logs" / f"{files:04}.jsonl")
                del later[:NEW_RUNS]
            if plan and passed >= plan[0][0] * 60 * minutes:
                done = kill(scheduler, plan[0][1])
                if done.startswith("kill") or passed > (plan[0][0] + 0.15) * 60 * minutes:
                    kills.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {done}")
                    plan.pop(0)
            time.sleep(0.2)
        deadline = time.monotonic() + LAST_SECONDS
        while any(tick.kind == "not over" for tick in ticks(url)) and time.monotonic() < deadline:
            time.sleep(2)
        return with_missed(ticks(url), interval), kills
    finally:
        scheduler.send_signal(signal.SIGTERM)
        scheduler.communicate(timeout=60)


def faults(store: CorpusStore, listed: Sequence[Tick]) -> list[str]:
    """What is wrong: broken invariants, a round that two ticks claim, or a round that no tick can have made."""
    found = [str(finding) for finding in verify(store)]
    named = Counter(tick.message.split(":")[0] for tick in listed if tick.message.startswith("round "))
    found += [f"{name} was made by {count} ticks" for name, count in named.items() if count > 1]
    unnamed = store.latest_round() - len(named)
    again = sum(tick.kind in ("run again", "not over") for tick in listed)
    if unnamed > again:
        found.append(f"{unnamed} rounds without a tick, but only {again} ticks that could not say what they did")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval", type=float, default=60.0, help="seconds")
    options = parser.parse_args(arguments)
    told = conditions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        later = prepare(folder)
        listed, kills = watch(folder, later, options.minutes, options.interval)
        store = CorpusStore.open(folder / "c")
        wrong = faults(store, listed)
        for line in kills:
            print(line)
        for tick in listed:
            print(f"{tick.due}  {tick.kind:9}  {tick.state:10}  {tick.message}")
        runs = len(store.reflected_trajectory_ids())
        offered = sum(len(path.read_text().splitlines()) for path in (folder / "logs").iterdir())
        kinds = dict(Counter(tick.kind for tick in listed))
        summary = {"ticks": len(listed), **kinds, "rounds": store.latest_round(), "runs": runs, "offered": offered}
        print(json.dumps(summary | {"faults": wrong}))
    if options.minutes >= WHOLE_MINUTES:
        parts = [f"{told} Interval {options.interval:g} s, {options.minutes:g} minutes, ten new runs of logs a tick."]
        parts += ["Killed on the way (UTC): " + "; ".join(kills) + "."]
        parts += [table(["due", "became", "state", "says"], [(t.due, t.kind, t.state, t.message) for t in listed])]
        parts += [f"{summary}. " + ("Faults: " + "; ".join(wrong) if wrong else "No round was lost or made twice.")]
        write_section("schedule", "A schedule that is killed", "\n\n".join(parts))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
