"""Runs one verb of the command line and writes where its processor time went: `python phases.py OUT.json admit ...`.

The tree to measure is what PYTHONPATH names. A timer of processor time interrupts every five milliseconds and what was
used since the last time goes to the phase that the stack is in. Nothing is patched and both trees of a comparison are
measured alike. Work of other processes is not seen here; the caller adds it from the system's own account.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

# Part of a file's path and name of a function (empty: any of the file); the first that any frame matches counts.
PHASES = (
    ("<frozen importlib", "", "imports"),
    ("monitor/", "", "snapshot, status, alarms"),
    ("rounds/steps.py", "check", "floor rules"),
    ("synthdata/snapshot.py", "", "snapshot, status, alarms"),
    ("synthdata/pipeline.py", "check", "floor rules"),
    ("rounds/wording.py", "check_wording", "wording"),
    ("synthdata/pipeline.py", "check_language", "wording"),
    ("gate/perplexity.py", "", "wording"),
    ("gate/state.py", "items", "making items ready"),
    ("gate/state.py", "look_back", "search of the history"),
    ("gate/round.py", "_ordered", "canonical order"),
    ("gate/round.py", "_loop", "loop"),
    ("gate/round.py", "", "stages before the loop"),
    ("rounds/restore.py", "", "opening the state"),
    ("api.py", "encode", "embedding"),
    ("export/", "", "export"),
    ("inspection/", "", "inspection"),
    ("reflection/", "", "reflecting"),
    ("generation/", "", "generating"),
    ("sources/", "", "reading"),
    ("corpus/", "", "tables"),
)
STEP = 0.005


class Phases:
    """Processor seconds by phase, of the main thread's stack at each tick."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._last = time.process_time()

    def tick(self, _signal: int, frame: FrameType | None) -> None:
        """Book what was used since the last tick."""
        now = time.process_time()
        self.seconds[phase_of(frame)] += now - self._last
        self._last = now


def phase_of(frame: FrameType | None) -> str:
    """The phase of a stack, `rest` where no frame is in the list."""
    found = len(PHASES)
    while frame is not None:
        code = frame.f_code
        for place, (end, name, _) in enumerate(PHASES[:found]):
            if end in code.co_filename and (not name or name == code.co_name):
                found = place
                break
        frame = frame.f_back
    return PHASES[found][2] if found < len(PHASES) else "rest"


def main() -> None:
    """Run the verb and write the phases, also where it ends with an exit code; nothing is written of a crash."""
    # This folder holds modules whose names hide others.
    sys.path.pop(0)
    out, arguments = Path(sys.argv[1]), sys.argv[2:]
    phases = Phases()
    signal.signal(signal.SIGPROF, phases.tick)
    signal.setitimer(signal.ITIMER_PROF, STEP, STEP)
    sys.argv = ["synthdata", *arguments]
    code: str | int | None = 0
    try:
        from synthdata.cli import main as run

        run()
    except SystemExit as end:
        code = end.code
    signal.setitimer(signal.ITIMER_PROF, 0)
    phases.tick(0, None)
    out.write_text(json.dumps(phases.seconds), encoding="utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
