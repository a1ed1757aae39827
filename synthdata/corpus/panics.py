"""Keeps what delta-rs prints of a panic in a thread of its own off the terminal, where an error says what went wrong.

On a full disk a thread of the table library panics while the call ends with a plain error. The lines come from Rust and
go to descriptor 2 itself; no setting of the library or of Rust turns them off.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The first line of a panic, its message, and the lines of a backtrace.
_PANIC = re.compile(
    rb"\n?thread '[^'\n]*' (?:\(\d+\) )?panicked at [^\n]*\n[^\n]*\n"
    rb"(?:stack backtrace:\n(?: +[^\n]*\n)*)?(?:note: [^\n]*\n)*"
)
_ONE = threading.Lock()


@contextmanager
def panics_held_back() -> Iterator[None]:
    """While the block runs, descriptor 2 goes to memory; afterwards all of it goes to the terminal.

    Only where the block raises, the lines of panics are left out: the error stands for them. Nothing is held where two
    threads are in here at once, or where the system has no files in memory.
    """
    if not hasattr(os, "memfd_create") or not _ONE.acquire(blocking=False):
        yield
        return
    try:
        sys.stderr.flush()
        try:
            terminal = os.dup(2)
        except OSError:
            # Descriptor 2 is closed: nobody would see the lines.
            yield
            return
        memory = os.memfd_create("stderr")
        os.dup2(memory, 2)
        raised = True
        try:
            yield
            raised = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held = os.pread(memory, os.fstat(memory).st_size, 0)
            os.close(memory)
            text = _PANIC.sub(b"", held) if raised else held
            if text:
                os.write(2, text)
    finally:
        _ONE.release()
