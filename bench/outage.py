"""A schedule through a bad half hour: a dead endpoint, a full disk, and two kills after which it is begun again.

`python bench/outage.py` runs thirty minutes with a round a minute over a few runs each, against an endpoint of its own.
The corpus lies on a small disk of its own (a tmpfs; that takes root), so that it can be filled without harm. What the
terminal shows is kept whole and every tick that was due is looked for in it.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import schedule as bench
from report import conditions, table, write_section

from synthdata.corpus import CorpusStore
from synthdata.corpus.verify import verify
from synthdata.generation.scripted import default_reply
from synthdata.monitor.ticks import ticks
from synthdata.protocols import Message, Request

SETTINGS = """
[recipe.encoder]
backend = "hashing"
dim = 96
[recipe.generation]
generator = "openai_http"
model = "scripted"
[recipe.reflection]
reflector = "full"
[runtime]
chunk_size = 4
endpoint = "http://127.0.0.1:{port}/v1"
"""
DISK_MB = 96
DAYS = 3
WHOLE_MINUTES = 30.0  # a shorter run is a trial and is not written down


class Endpoint:
    """An OpenAI-compatible endpoint that can be shut and opened again on the same port."""

    def __init__(self, seconds: float) -> None:
        self.port = 0
        self._seconds = seconds
        self.open()

    def open(self) -> None:
        """Serve from now on; every answer takes its seconds."""
        seconds = self._seconds

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                form = asked.get("response_format", {}).get("json_schema", {}).get("schema")
                messages = tuple(Message(m["role"], m["content"]) for m in asked["messages"])
                request = Request(messages, sample_index=asked["seed"], schema=json.dumps(form) if form else "")
                time.sleep(seconds)
                text = default_reply(request)
                used = {"prompt_tokens": 100, "completion_tokens": len(text.split())}
                choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                body = json.dumps({"choices": [choice], "usage": used}).encode()
                # Who asked may be dead by now: it was killed on purpose.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def shut(self) -> None:
        """Answer nobody: connections are refused."""
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Scheduler:
    """The command `schedule` as an operator runs it, with all that its terminal shows in `lines`."""

    folder: Path
    interval: float
    limit: int
    lines: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Run the command; what it prints is collected from now on."""
        corpus, logs = self.folder / "disk" / "c", self.folder / "logs"
        arguments = ["schedule", corpus, "--trajectories", logs, "--interval", f"{self.interval:g}s"]
        environment = {**os.environ, "SYNTHDATA_CACHE": str(self.folder / "cache")}
        environment.pop("PREFECT_API_URL", None)
        self.process = subprocess.Popen(
            [*bench.command(), *map(str, arguments), "--limit", str(self.limit), "--monitor-every", "5m"],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.note(line.rstrip("\n"))

    def note(self, line: str) -> None:
        """Keep a line with the time at which it came, and print it."""
        self.lines.append(f"{datetime.now(UTC):%H:%M:%S} {line}")
        print(self.lines[-1], flush=True)

    def kill(self, whole: bool) -> None:
        """Kill -9 the command, alone or with all processes that it started, as a power cut would."""
        known = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        mine = [pid for pid in known if bench.descends(pid, self.process.pid)] if whole else []
        for pid in (self.process.pid, *mine):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(5)

    def stop(self) -> None:
        """Ctrl-C, as systemd sends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self._reader.join(5)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of some megabytes."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> None:
    """Leave no byte free."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    with (disk / "filler").open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))


def prepare(folder: Path, disk: Path, endpoint: Endpoint) -> None:
    """Logs in a folder, and a corpus on the disk."""
    (folder / "settings.toml").write_text(SETTINGS.format(port=endpoint.port))
    (folder / "logs").mkdir()
    with gzip.open(bench.SAMPLE / "textworld.jsonl.gz", "rt", encoding="utf-8") as packed:
        runs = [json.loads(line) for line in packed]
    # The same games on several days are as many logs as half an hour of ticks can take.
    for day in range(DAYS):
        lines = []
        for run in runs:
            first, *rest = run["steps"]
            name = f"{run['session_id']}-{day}"
            said = {**first, "message": f"Day {day + 1}. {first['message']}"}
            lines.append(json.dumps({**run, "session_id": name, "steps": [said, *rest]}))
        (folder / "logs" / f"day-{day}.jsonl").write_text("\n".join(lines) + "\n")
    arguments = ["init", disk / "c", "--reference", bench.SAMPLE, "--config", folder / "settings.toml"]
    subprocess.run([*bench.command(), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def suffer(scheduler: Scheduler, endpoint: Endpoint, disk: Path, minutes: float) -> None:
    """Run the schedule through its faults, each at its share of the time."""

    def died(whole: bool) -> None:
        scheduler.kill(whole)
        scheduler.note(
            f"--- kill -9 of the command{' and of every process of it' if whole else ''}; begun again in 5 s"
        )
        time.sleep(5)
        scheduler.start()

    def said(line: str, act: object) -> None:
        scheduler.note(f"--- {line}")
        assert callable(act)
        act()

    plan = [
        (0.30, lambda: said("the endpoint is dead", endpoint.shut)),
        (0.30 + 1 / 6, lambda: said("the endpoint is back", endpoint.open)),
        (0.58, lambda: died(whole=False)),
        (0.70, lambda: said("the disk is full", lambda: fill(disk))),
        (0.70 + 1 / 30, lambda: said("the disk has space", (disk / "filler").unlink)),
        (0.85, lambda: died(whole=True)),
    ]
    began = time.monotonic()
    scheduler.start()
    while (passed := time.monotonic() - began) < 60 * minutes:
        if plan and passed >= plan[0][0] * 60 * minutes:
            plan.pop(0)[1]()
        if scheduler.process.poll() is not None:
            scheduler.note(f"--- the command ended with code {scheduler.process.returncode}; begun again in 10 s")
            time.sleep(10)
            scheduler.start()
        time.sleep(0.2)
    scheduler.note("--- Ctrl-C")
    scheduler.stop()


TOLD = re.compile(r"^\S+ (\d{4}-\d\d-\d\dT\S+) (round|nothing new|waiting|skipped|refused|failed|crashed): (.*)$")


def accounts(lines: Sequence[str], interval: float) -> list[tuple[str, str, str]]:
    """Each minute in which a tick was due from the first line to the last: when, what came of it, and what was said."""
    told = [match.groups() for match in map(TOLD.match, lines) if match]
    by_due: dict[int, list[tuple[str, str]]] = {}
    for at, outcome, message in told:
        by_due.setdefault(int(datetime.fromisoformat(at).timestamp() // interval), []).append((outcome, message))
    found = []
    for due in range(min(by_due, default=0), max(by_due, default=-1) + 1):
        clock = f"{datetime.fromtimestamp(due * interval, UTC):%H:%M:%S}"
        found += [(clock, outcome, message) for outcome, message in by_due.get(due, [("nothing said", "")])]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=WHOLE_MINUTES)
    parser.add_argument("--interval", type=float, default=60.0, help="seconds")
    parser.add_argument("--limit", type=int, default=20, help="new runs a round")
    parser.add_argument("--seconds", type=float, default=0.3, help="that the endpoint takes to answer")
    parser.add_argument("--keep", type=Path, help="folder for the terminal's lines and the corpus")
    asked = parser.parse_args(arguments)
    told = conditions()
    endpoint = Endpoint(asked.seconds)
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as disk:
        folder = Path(name)
        prepare(folder, disk, endpoint)
        scheduler = Scheduler(folder, asked.interval, asked.limit)
        suffer(scheduler, endpoint, disk, asked.minutes)
        store = CorpusStore.open(disk / "c")
        wrong = [str(finding) for finding in verify(store)]
        known = [tick.line() for tick in ticks(disk / "c")]
        runs, rounds = len(store.reflected_trajectory_ids()), store.latest_round()
        if asked.keep:
            asked.keep.mkdir(parents=True, exist_ok=True)
            (asked.keep / "terminal.txt").write_text("\n".join(scheduler.lines) + "\n")
            (asked.keep / "ticks.txt").write_text("\n".join(known) + "\n")
            shutil.copytree(disk / "c", asked.keep / "c", dirs_exist_ok=True)
            for log in (folder / "cache").rglob("*.log"):
                shutil.copy(log, asked.keep)
    rows = accounts(scheduler.lines, asked.interval)
    silent = [row[0] for row in rows if row[1] == "nothing said"]
    traced = sum("Traceback" in line for line in scheduler.lines)
    summary = {"rounds": rounds, "runs": runs, "minutes without a tick": len(silent), "tracebacks": traced}
    print(table(["due", "became", "says"], rows))
    print(json.dumps(summary | {"verify": wrong}))
    if asked.minutes >= WHOLE_MINUTES:
        events = "; ".join(line.replace("--- ", "") for line in scheduler.lines if " --- " in line)
        parts = [
            f"{told} {asked.minutes:g} minutes, a tick every {asked.interval:g} s, {asked.limit} new runs a round, the "
            f"corpus on a disk of {DISK_MB} MB. {events}.",
            table(["due", "became", "says"], rows),
            f"{summary}; verify afterwards: {wrong or 'every invariant holds'}.",
        ]
        write_section("outage", "A schedule through dead endpoint, full disk and kills", "\n\n".join(parts))
    return 1 if wrong or traced else 0


if __name__ == "__main__":
    sys.exit(main())
