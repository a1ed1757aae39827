"""A thread of the table library that panics prints nothing where an error is said, and nothing else is kept back."""

from __future__ import annotations

import subprocess
import sys

import pytest

PANIC = (
    r"\nthread 'tokio-rt-worker' (71) panicked at /a/object_store-0.13.2/src/buffered.rs:369:41:\nAlready shut down\n"
    r"stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/1/panicking.rs:5:5\n"
    r"note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n"
)
WRITES = """
import random, resource
from pathlib import Path
import polars as pl
from arro3.core import Table as ArrowTable
from deltalake import write_deltalake
from synthdata.corpus.tables import Table
from synthdata.errors import InputError

table = Table(Path({folder!r}), pl.Schema({{"round": pl.Int64, "text": pl.String}}), "round")
table.create()
# The next file may not grow over this: the system refuses in the middle of a write, as a full disk does.
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
rows = pl.DataFrame({{"round": range(5000), "text": [str(random.random()) for _ in range(5000)]}})
try:
    {write}
except Exception as error:
    print(type(error).__name__, str(error).splitlines()[0])
"""


def said(code: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="holds lines in a file in memory")
def test_a_write_that_the_system_refuses_ends_in_a_sentence_alone(tmp_path):
    raw = 'write_deltalake(table.folder, ArrowTable.from_arrow(rows), mode="append")'
    out, err = said(WRITES.format(folder=str(tmp_path / "raw"), write=raw))
    # The library itself panics: once it does not, this module and its reason are gone.
    assert "panicked" in err and "too large" in out
    out, err = said(WRITES.format(folder=str(tmp_path / "held"), write="table.append(rows, {})"))
    assert err == "" and out.startswith("InputError") and "cannot be written" in out and "too large" in out


@pytest.mark.skipif(sys.platform != "linux", reason="holds lines in a file in memory")
@pytest.mark.parametrize(("raises", "left"), [(True, "before\nafter\n"), (False, None)])
def test_other_lines_reach_the_terminal_and_a_panic_too_where_nothing_is_raised(raises, left):
    panic = PANIC.encode().decode("unicode_escape")
    code = f"""
import os, sys
from synthdata.corpus.panics import panics_held_back
try:
    with panics_held_back():
        sys.stderr.write("before\\n")
        os.write(2, {panic!r}.encode())
        os.write(2, b"after\\n")
        {"raise ValueError" if raises else "pass"}
except ValueError:
    pass
"""
    assert said(code)[1] == (left if left is not None else f"before\n{panic}after\n")


def test_two_threads_at_once_leave_the_terminal_as_it_was():
    code = """
import os, threading
from synthdata.corpus.panics import panics_held_back
inside, leave = threading.Event(), threading.Event()
def other():
    with panics_held_back():
        inside.set()
        leave.wait()
thread = threading.Thread(target=other)
thread.start()
inside.wait()
with panics_held_back():
    os.write(2, b"one\\n")
leave.set()
thread.join()
os.write(2, b"two\\n")
"""
    assert said(code)[1] == "one\ntwo\n"
