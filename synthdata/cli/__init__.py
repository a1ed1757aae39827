"""The command line, one file per verb group; errors become one clear message and their exit code here."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from importlib.metadata import version
from typing import Annotated

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
    pool,
    redteam,
    replay,
    sleep,
)
from synthdata.errors import InputError, SynthdataError

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
for group in (
    decide,
    generate,
    ask,
    look,
    replay,
    leave,
    labels,
    lessons,
    sleep,
    checkup,
    operate,
    pool,
    redteam,
    dashboard,
):
    group.register(app)


# What `sysexits.h` calls an internal error: no caller takes it for an alarm (1) or for bad input (2).
BUG = 70


@app.callback()
def shared(
    debug: Annotated[bool, typer.Option("--debug", help="After an unexpected error print its traceback.")] = False,
) -> None:
    """Options of every verb; `main` reads them, so that they may stand anywhere."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 refused by an alarm or a floor, 2 bad input, 3 corrupt store, 70 a bug of this program.
    """
    # Set before anything imports the libraries that read them: no hub, no telemetry, no outside host.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        app(args=arguments)
    except SynthdataError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: not an error of ours, and nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        # A full disk, a folder that may not be written, a path through a file: no bug, and the path says where.
        _say(f"{error.filename or 'the disk'}: {error.strerror or error}")
        sys.exit(InputError.exit_code)
    except Exception as error:
        _say(f"this is a bug: {type(error).__name__}: {error}; please report it with its traceback, {_kept()}")
        if len(arguments) < len(sys.argv) - 1:
            traceback.print_exc()
        sys.exit(BUG)


def _say(line: str) -> None:
    from synthdata.text.display import printable_message

    sys.stderr.write(f"synthdata: {printable_message(line)}\n")


def _kept() -> str:
    """A new file with the traceback of the error under way and the command that met it; its path."""
    from synthdata.text.redaction import without_secrets

    descriptor, path = tempfile.mkstemp(prefix="synthdata-bug-", suffix=".txt", text=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"synthdata {version('synthdata-gate')}, Python {sys.version}\n")
        # Made to be sent to somebody, and an error's message may repeat a line of a log.
        file.write(without_secrets(f"{' '.join(sys.argv)}\n\n{traceback.format_exc()}"))
    return path
