"""The command line, one file per verb group; errors become one clear message and their exit code here."""

from __future__ import annotations

import os
import sys

import typer

from synthdata.cli import (
    ask,
    checkup,
    dashboard,
    decide,
    generate,
    labels,
    leave,
    lessons,
    look,
    operate,
    redteam,
    replay,
    sleep,
)
from synthdata.errors import SynthdataError

app = typer.Typer(
    name="synthdata",
    help=(
        "Turns what an agent lived through into training data that does not collapse. Start with "
        "`synthdata init CORPUS --reference REAL_DATA`, then `synthdata run` on agent logs or `synthdata admit` on any "
        "file of texts; `status` says how the corpus stands, `explain` why one row was decided so, `export` writes a "
        "training set."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (decide, generate, ask, look, replay, leave, labels, lessons, sleep, checkup, operate, redteam, dashboard):
    group.register(app)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 refused by an alarm or a floor, 2 bad input, 3 corrupt store."""
    # Set before anything imports the libraries that read them: no hub, no telemetry, no outside host.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except SynthdataError as error:
        from synthdata.text.display import printable

        sys.stderr.write(f"synthdata: {printable(str(error))}\n")
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: not an error of ours, and nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
