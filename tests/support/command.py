"""The command as a shell has it: a process of its own with its arguments, environment, folder, output and exit code.

Loading the libraries is most of a short command, and the tests give hundreds of them. So a process of the tests loads
them once and forks itself for each command; what a start from nothing does is tested with `python -m synthdata`.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

# The executable: it hands over what a process inherits, and ends with the exit code that comes back.
CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    order = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(order).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(order)
    code = server.recv(1)
sys.exit(code[0] if code else "the command was killed")
"""


# Hashed vectors, for what is not about likeness of meaning.
SETTINGS = '[recipe.encoder]\nbackend = "hashing"\ndim = 96\n'


def synthdata(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command with these words, run to its end; `environment` is added to that of the test."""
    command = [executable(), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def refused(done: subprocess.CompletedProcess[str], *parts: str, code: int = 2) -> None:
    """Check that a command ended with this code and one clear message that holds these parts."""
    assert done.returncode == code, done.stdout + done.stderr
    # Before it may stand how far long work had come.
    assert any(line.startswith("synthdata: ") for line in done.stderr.splitlines()), done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in done.stderr


def write_rows(path: Path, texts: Sequence[str], **fields: str) -> Path:
    """A file of rows with these texts, every one with these fields."""
    path.write_text("".join(json.dumps({"content": text, **fields}) + "\n" for text in texts), encoding="utf-8")
    return path


@cache
def executable() -> Path:
    """The path of a command `synthdata`, which works as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="synthdata-command-"))
    address = str(folder / "socket")
    server = subprocess.Popen([sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.communicate()
        shutil.rmtree(folder)

    atexit.register(end)
    path = folder / "synthdata"
    path.write_text(CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
    path.chmod(0o755)
    return path


def serve(address: str) -> None:
    """Fork for each order until standard input ends, which is when the process of the tests does."""
    import deltalake  # noqa: F401
    import phonenumbers  # noqa: F401
    import scipy.linalg
    import scipy.special  # noqa: F401

    import synthdata.api
    import synthdata.cli
    import synthdata.export.build
    import synthdata.inspection
    import synthdata.monitor.status  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        os.write(1, b"ready\n")
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            order, _ = listener.accept()
            if os.fork() == 0:
                answer(order)
            order.close()


def answer(order: socket.socket) -> NoReturn:
    """Run one order in a fork and send back its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, _, _ = socket.recv_fds(order, 8, 3)
    words, folder, environment = json.loads(order.makefile("rb").read(int.from_bytes(head, "big")))
    child = os.fork()
    if child == 0:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        order.close()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["synthdata", *words]
        from synthdata.cli import main

        main()
        sys.exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0:
        order.send(bytes([code]))
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
