"""The run's own Prefect server, for real: it serves, stops, dies with its parent and says why it cannot start.

Each test drives a child process, because Prefect reads its settings once a process.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.server import prefect_api
from synthdata.errors import EndpointError

RUN_A_FLOW = """
import os
from flows.server import prefect_api

before = dict(os.environ)
with prefect_api() as url:
    print(url, flush=True)
    from prefect import flow, task

    @task
    def double(x):
        return 2 * x

    @flow
    def doubled(numbers):
        return [future.result() for future in double.map(numbers)]

    print(sum(doubled([1, 2, 3])), flush=True)
    with prefect_api() as inner:
        assert inner == url, "a configured API is used as it is"
assert dict(os.environ) == before, "the environment is given back"
"""

HOLD_A_SERVER = """
import time
from flows.server import prefect_api

with prefect_api() as url:
    print(url, flush=True)
    time.sleep(600)
"""


def start(program: str, cache: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "SYNTHDATA_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def port_of(url: str) -> int:
    return int(url.strip().removesuffix("/api").rsplit(":", 1)[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def gone_within(seconds: float, port: int) -> bool:
    deadline = time.monotonic() + seconds
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not answers(port)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.prefect
def test_two_runs_at_once_each_get_a_server_that_ends_with_its_run(tmp_path):
    held = start(HOLD_A_SERVER, tmp_path)
    assert held.stdout is not None
    held_port = port_of(held.stdout.readline())
    assert answers(held_port)

    running = start(RUN_A_FLOW, tmp_path)
    out, err = running.communicate(timeout=100)
    url, total = out.splitlines()
    assert (running.returncode, total, err) == (0, "12", "")
    assert port_of(url) != held_port
    assert gone_within(0, port_of(url)), "the server outlived its block"

    assert answers(held_port), "one run's end stopped the other's server"
    held.send_signal(signal.SIGKILL)
    held.communicate(timeout=10)
    assert gone_within(20, held_port), "the server outlived its killed parent"
    homes = sorted(path.name for path in (tmp_path / "prefect").iterdir() if path.is_dir())
    assert homes == ["home-0", "home-1"]


@pytest.mark.slow
@pytest.mark.prefect
def test_a_server_that_cannot_start_is_an_error_with_the_end_of_its_log(tmp_path):
    home = tmp_path / "prefect" / "home-0"
    home.mkdir(parents=True)
    (home / "prefect.db").write_bytes(b"this is no database, whatever its name says. " * 100)
    failing = start(HOLD_A_SERVER, tmp_path)
    out, err = failing.communicate(timeout=100)
    assert out == ""
    assert failing.returncode != 0
    assert "EndpointError" in err
    assert f"delete {home}" in err
    assert "file is not a database" in err


def test_a_configured_api_that_does_not_answer_is_an_error_that_names_it(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{port}/api")
    with pytest.raises(EndpointError, match=rf"127\.0\.0\.1:{port}.*PREFECT_API_URL"), prefect_api():
        pytest.fail("entered without an API")


def test_the_login_of_a_configured_api_is_not_said(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("PREFECT_API_URL", f"http://me:passw0rd@127.0.0.1:{port}/api")
    with pytest.raises(EndpointError, match=rf"127\.0\.0\.1:{port}") as told, prefect_api():
        pytest.fail("entered without an API")
    assert "passw0rd" not in str(told.value)


KILL_ITS_SERVER = """
import os, signal, sys, time
from pathlib import Path
from flows.server import prefect_api

def server_of(parent):
    for path in Path("/proc").iterdir():
        try:
            words = (path / "cmdline").read_bytes().split(b"\\0") if path.name.isdigit() else []
            ours = int((path / "stat").read_text().rpartition(")")[2].split()[1]) == parent
        except (OSError, IndexError):
            continue
        if b"flows.server" in words and ours:
            return int(path.name)

with prefect_api() as url:
    from prefect import flow, task

    @task
    def double(x):
        if x == KILLED_AT:
            os.kill(server_of(os.getpid()), signal.SIGKILL)
        return 2 * x

    @flow
    def doubled(numbers):
        return [double(number) for number in numbers]

    print(sum(doubled([1, 2, 3])), flush=True)
"""


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="finds the server in /proc")
def test_a_server_that_is_killed_under_a_flow_is_started_again_and_the_flow_ends(tmp_path):
    running = start(KILL_ITS_SERVER.replace("KILLED_AT", "2"), tmp_path)
    out, err = running.communicate(timeout=500)
    assert (running.returncode, out, err) == (0, "12\n", "")


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_a_server_that_dies_again_and_again_ends_the_run_in_a_sentence(tmp_path):
    dies = "import flows.server as s\ns.STARTS = 0\n" + KILL_ITS_SERVER.replace("KILLED_AT", "2")
    running = start(dies, tmp_path)
    out, err = running.communicate(timeout=500)
    assert (running.returncode, out) == (EndpointError.exit_code, "")
    assert "the Prefect server ended 1 times" in err and "the same command goes on" in err and "Traceback" not in err
