"""Keeps a schedule running: a Prefect server of our own where none is configured, and the process that starts the runs.

Whichever of the two dies is started again, on the same address and database; if this process dies, both end. Ticks that
came due meanwhile are made, skipped or told of then. Nothing here imports prefect.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from filelock import FileLock, Timeout

from flows.server import QUIET, START_SECONDS, cache_folder, start_server, stop, wait_until_healthy
from synthdata.errors import EndpointError, InputError, LockedError
from synthdata.monitor.ticks import Tick, tick_facts, ticks
from synthdata.text.redaction import address_without_login

LOOK_SECONDS = 0.5
# How often a few bytes are written to see whether the disk takes them.
TRY_SECONDS = 10.0
# A child that lives longer was well; one that ends sooner this often in a row will not get better by itself.
WELL_SECONDS = 30.0
FAILURES = 5


@dataclass(frozen=True)
class Plan:
    """What is scheduled: rounds on one corpus by cron or every so many seconds, and a look at it beside them.

    `choice` and `settings` are those of `curate` as plain values. `monitor_seconds` 0 leaves the extra look out;
    `pause_on_red` lets the automation stop the schedule at a red round.
    """

    corpus: str
    trajectories: str
    cron: str = ""
    seconds: float = 0.0
    monitor_seconds: float = 3600.0
    pause_on_red: bool = False
    choice: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.cron) == bool(self.seconds):
            raise InputError("give a schedule: either --cron or --interval")


def keep_running(plan: Plan, port: int = 0, hear: Callable[[str], None] = lambda line: None) -> None:
    """Serve the plan until SIGTERM or Ctrl-C; `hear` is told what is started and what had to be started again.

    Raises:
        LockedError: this corpus is scheduled already on this machine.
        EndpointError: the server, or the process that starts the runs, ends again and again.
    """
    with _terminating(), _only_one(plan) as home, contextlib.ExitStack() as stack:
        url, server = os.environ.get("PREFECT_API_URL", ""), None
        if url:
            wait_until_healthy(url, START_SECONDS)
        else:
            server = _Server(home, stack.enter_context(_listener(port)))
            stack.callback(server.end)
            url = server.url
        hear(f"Prefect API: {address_without_login(url)}")
        runner = _Runner(plan, url, home)
        stack.callback(runner.end)
        with contextlib.suppress(KeyboardInterrupt):
            _watch(server, runner, plan, hear)
        hear("stopped; a round that was being made is taken up by the next one")


def _watch(server: _Server | None, runner: _Runner, plan: Plan, hear: Callable[[str], None]) -> None:
    known, disk_error, tried = ticks(Path(plan.corpus)), "", time.monotonic()
    while True:
        time.sleep(LOOK_SECONDS)
        known = _report_ticks(Path(plan.corpus), known, hear)
        if time.monotonic() - tried > TRY_SECONDS:
            disk_error, tried = _report_disk(Path(plan.corpus), disk_error, hear), time.monotonic()
        for child in (server, runner):
            if child is not None and child.ended():
                hear(f"{child.name} ended with code {child.process.returncode} and is started again")
                child.start()


def _report_ticks(corpus: Path, before: list[Tick], hear: Callable[[str], None]) -> list[Tick]:
    """Say what came of the ticks that ended since the last look, and warn where none of them is any good."""
    known = ticks(corpus)
    # One that could not be written at first comes late, with the time at which it ended.
    new = [tick for tick in known if tick not in set(before)]
    for tick in new:
        hear(tick.line())
    alarm = tick_facts(corpus).alarm
    if new and alarm:
        hear(f"alarm: {alarm}")
    return known


def _report_disk(corpus: Path, before: str, hear: Callable[[str], None]) -> str:
    """Say once that the corpus' disk takes no line, since then no tick can be noted there, and once that it does.

    The disk's error now, empty where there is none; `before` is that of the last look.
    """
    probe = corpus / "derived" / ".ticks.probe"
    disk_error = ""
    try:
        probe.write_bytes(bytes(512))
    except OSError as error:
        disk_error = error.strerror or str(error)
    with contextlib.suppress(OSError):
        probe.unlink(missing_ok=True)
    if disk_error != before:
        hear(
            f"{corpus}: {disk_error}; ticks are reported when it can be written again"
            if disk_error
            else f"{corpus}: can be written again"
        )
    return disk_error


class _Child:
    """A process that is started again when it ends; where it ends at once again and again, that is an error."""

    name = ""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._started: list[float] = []
        self.start()

    def launch(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def start(self) -> None:
        now = time.monotonic()
        self._started = [*self._started, now][-FAILURES:]
        if len(self._started) == FAILURES and now - self._started[0] < FAILURES * WELL_SECONDS:
            tail = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise EndpointError(f"{self.name} ended {FAILURES} times at once; the end of {self.log}:\n{tail}")
        self.process = self.launch()

    def ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> None:
        stop(self.process)


class _Server(_Child):
    name = "the Prefect server"

    def __init__(self, home: Path, listener: socket.socket) -> None:
        self._home, self._listener = home, listener
        self.url = ""
        super().__init__(home / "server.log")

    def launch(self) -> subprocess.Popen[bytes]:
        self.url, process = start_server(self._home, self._listener)
        wait_until_healthy(self.url, START_SECONDS, process, self.log)
        return process


class _Runner(_Child):
    name = "the process that starts the runs"

    def __init__(self, plan: Plan, url: str, home: Path) -> None:
        self._plan, self._url, self._home = plan, url, home
        super().__init__(home / "runner.log")

    def launch(self) -> subprocess.Popen[bytes]:
        environment = {**QUIET, **os.environ, "PREFECT_API_URL": self._url, "PREFECT_LOGGING_LEVEL": "INFO"}
        environment |= {"PREFECT_HOME": os.environ.get("PREFECT_HOME") or str(self._home)}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.runner", json.dumps(asdict(self._plan))],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@contextlib.contextmanager
def _only_one(plan: Plan) -> Iterator[Path]:
    """The home of this corpus' schedule, held: two schedulers would make every tick twice."""
    path = Path(plan.corpus).resolve()
    home = cache_folder() / f"schedule-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.with_suffix(".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise LockedError(f"{path}: is scheduled already by another process on this machine; stop that one") from error
    try:
        yield home
    finally:
        lock.release()


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror}; choose another, or 0 for any free one") from error


@contextlib.contextmanager
def _terminating() -> Iterator[None]:
    """SIGTERM, which service managers send, ends like Ctrl-C."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
