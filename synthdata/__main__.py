"""`python -m synthdata` is the command `synthdata`, and this is where both begin."""

from __future__ import annotations

import sys


def start() -> None:
    """Run the command line; Ctrl-C while it is still being loaded is no traceback either."""
    try:
        from synthdata.cli import main
    except KeyboardInterrupt:
        sys.stderr.write("synthdata: stopped before it began. Nothing was written.\n")
        exec("")  # Why: synthdata/cli/__init__.py, where `main` handles the same.
        sys.exit(130)
    main()


if __name__ == "__main__":
    start()
