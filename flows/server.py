"""The Prefect server that a flow run talks to: the configured one, or one of our own for as long as the run lasts.

Prefect's built-in temporary server prints tracebacks at exit and may lose the last states, so the command line enters
`prefect_api` instead. Nothing here imports prefect before its environment is set; no flow and no data live here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx2
from filelock import FileLock, Timeout

from synthdata.errors import EndpointError
from synthdata.text.redaction import address_without_login

START_SECONDS = 300.0
ANSWER_SECONDS = 3.0
STOP_SECONDS = 10.0
LOG_TAIL = 2000
# A server that died is looked for this often, and started again so often in one run.
LOOK_SECONDS = 0.5
STARTS = 3
_SAFE = "nothing was committed that was not told, and paid answers are kept: the same command goes on from there"

# Nothing leaves the machine: no usage events, no heartbeat, and the page that asks an outside host is off.
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}

# In the process that runs the flow: what goes wrong is said once, by the command line, without the engine's traceback.
TERSE = {**QUIET, "PREFECT_LOGGING_LEVEL": "CRITICAL"}

# A run is history after a week; without this the database grows by some 18 KB a task for 90 days.
RETENTION = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(7 * 86400),
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P1D",
    # In memory, a lease would be lost with a killed server and its slot would stay taken for good.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}


@contextlib.contextmanager
def prefect_api() -> Iterator[str]:
    """Yield the URL of a healthy Prefect API and make it this process' one; enter it before importing prefect.

    `PREFECT_API_URL`, where set, is used as it is. Otherwise a server of our own runs on a free loopback port until the
    block ends or this process dies, even by kill -9. Its SQLite home is kept for the next run, since an existing
    database halves the start; processes at the same time get homes of their own, because SQLite homes that are
    shared lock each other out.

    Raises:
        EndpointError: the configured API does not answer, or our server does not become healthy in five minutes.
    """
    url = os.environ.get("PREFECT_API_URL", "")
    if url:
        wait_until_healthy(url, ANSWER_SECONDS)
        with _environment({name: os.environ.get(name, value) for name, value in TERSE.items()}):
            yield url
        return
    with _own_home() as home, _running_server(home) as url:
        variables = {**TERSE, "PREFECT_HOME": str(home), "PREFECT_API_URL": url, "NO_PROXY": _without_proxy()}
        # This server ends with the run: nobody would read logs there, and the last ones would miss it.
        variables["PREFECT_LOGGING_TO_API_ENABLED"] = "false"
        with _environment(variables):
            yield url


def cache_folder() -> Path:
    """Where servers keep their homes: `$SYNTHDATA_CACHE/prefect`, else `~/.cache/synthdata/prefect`."""
    return Path(os.environ.get("SYNTHDATA_CACHE") or Path.home() / ".cache" / "synthdata") / "prefect"


@contextlib.contextmanager
def _own_home() -> Iterator[Path]:
    """The first home that no living process holds; the lock is the system's, so a killed holder frees it."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for number in count():
        lock = FileLock(folder / f"home-{number}.lock")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            home = folder / f"home-{number}"
            home.mkdir(exist_ok=True)
            yield home
        finally:
            lock.release()
        return


@contextlib.contextmanager
def _running_server(home: Path) -> Iterator[str]:
    # The socket is bound here and handed down: no other process can take the port between choosing and using it.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _KeptServer(home, listener)
        try:
            yield server.url
        finally:
            server.end()


class _KeptServer:
    """A server that is started again, on the same socket and database, when it dies under a running flow.

    The socket stays open here, so that what the flow asks meanwhile waits for the next server instead of failing.
    """

    def __init__(self, home: Path, listener: socket.socket) -> None:
        self._home, self._listener = home, listener
        self._over, self._turn = threading.Event(), threading.Lock()
        self.url, self._process = start_server(home, listener)
        try:
            wait_until_healthy(self.url, START_SECONDS, self._process, home / "server.log")
        except BaseException:
            stop(self._process)
            raise
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        starts = 0
        while not self._over.wait(LOOK_SECONDS):
            with self._turn:
                if self._over.is_set() or self._process.poll() is None:
                    continue
                if starts == STARTS:
                    sys.stderr.write(
                        f"synthdata: the Prefect server ended {STARTS + 1} times, see {self._home}; {_SAFE}\n"
                    )
                    sys.stderr.flush()
                    # The flow waits for a server that will not come, in threads that nothing else ends.
                    os._exit(EndpointError.exit_code)
                starts += 1
                self._process = start_server(self._home, self._listener)[1]

    def end(self) -> None:
        """Stop the server for good."""
        self._over.set()
        with self._turn:
            stop(self._process)


def start_server(home: Path, listener: socket.socket) -> tuple[str, subprocess.Popen[bytes]]:
    """A server on a bound socket, with its API's URL; it ends when this process does, or when `stop` is called."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    fresh = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment = {**fresh, **QUIET, **RETENTION, "PREFECT_HOME": str(home), "PREFECT_UI_API_URL": url}
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(listener.fileno())],
            env=environment,
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches the flow alone, which can then still report its end to the server.
            start_new_session=True,
        )
    return url, server


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ask a child of ours to end by closing its standard input; after ten seconds it is killed."""
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def wait_until_healthy(
    url: str, seconds: float, server: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> None:
    """Wait for a Prefect API to answer.

    Raises:
        EndpointError: it does not in that time, or `server` ends; the message shows the end of its `log`.
    """
    deadline = time.monotonic() + seconds
    problem = "no answer"
    with httpx2.Client(trust_env=False, timeout=5.0) as client:
        while time.monotonic() < deadline:
            if server is not None and server.poll() is not None:
                problem = f"its process ended with code {server.returncode}"
                break
            try:
                answer = client.get(f"{url.rstrip('/')}/health")
            except httpx2.TransportError as error:
                problem = str(error) or type(error).__name__
            else:
                if answer.status_code == 200:
                    return
                problem = f"status {answer.status_code}"
            time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:] if log else ""
    advice = "check PREFECT_API_URL, or unset it and a server is started for the run"
    if log:
        advice = f"if its database is damaged, delete {log.parent}; the end of {log}:\n{tail}"
    raise EndpointError(f"Prefect API at {address_without_login(url)} is not healthy: {problem}; {advice}")


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _without_proxy() -> str:
    known = os.environ.get("NO_PROXY", "")
    return f"{known},127.0.0.1" if known else "127.0.0.1"


def _serve(descriptor: int) -> None:
    # The child process: Prefect's server on the inherited socket until standard input ends, as it does when the parent
    # closes it or dies in whatever way.
    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(final=True), log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)

    def stop_with_parent() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True
        time.sleep(STOP_SECONDS)
        os._exit(1)

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
