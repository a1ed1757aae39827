"""The command line, one file per verb group; errors become one clear message and their exit code here."""

from __future__ import annotations

import _thread
import os
import re
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from synthdata.cli import (
    ask,
    checkup,
    dashboard,
    decide,
    demo,
    generate,
    labels,
    leave,
    lessons,
    look,
    operate,
    pages,
    pool,
    redteam,
    replay,
    settings,
    sleep,
)
from synthdata.errors import InputError, SynthdataError
from synthdata.io.refusals import refusal, sentence

# What help calls a value of an option, by the type that Typer would name; choices stand for themselves.
_VALUES = {"str": "TEXT", "int": "NUMBER", "float": "NUMBER", "Path": "PATH"}


class _Verbs(TyperGroup):
    """The verbs; what is wrong with a command line is said without the secrets in it."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Typer's own types are private
        super().__init__(**options)
        _name_values(self)

    def make_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - Typer's own types are private
        with _said_plainly():
            return super().make_context(*args, **options)

    def invoke(self, *args: Any) -> Any:  # noqa: ANN401 - as above
        with _said_plainly():
            return super().invoke(*args)


def _name_values(group: Any) -> None:  # noqa: ANN401 - as above
    for verb in group.commands.values():
        for part in verb.params:
            _name_value(part)
        if hasattr(verb, "commands"):
            _name_values(verb)


def _name_value(part: Any) -> None:  # noqa: ANN401 - as above
    """Name an argument in capitals, as the documentation does, and the value of an option in a word of English."""
    if part.metavar is not None:
        return
    if part.param_type_name == "argument":
        part.metavar = part.name.upper()
    elif not part.is_flag:
        named = part.bare_type().removeprefix("list[").removesuffix("]")
        part.metavar = _VALUES.get(named)


@contextmanager
def _said_plainly() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Here, since Typer would end it with 1, which says that an alarm refuses; and so does rich.
        _leave_pipe()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            _leave_pipe()
        raise
    except Exception as error:
        # Usage errors have no public class in common, but one method that nothing else has.
        if hasattr(error, "format_message") and isinstance(getattr(error, "message", None), str):
            from synthdata.text.redaction import without_secrets

            error.message = without_secrets(error.message)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    name="synthdata",
    cls=_Verbs,
    help=(
        "Turns what an agent lived through into training data that does not collapse. `synthdata demo` shows it. "
        "Then `inspect FILE` says how diverse a file of yours is; `init CORPUS --reference REAL_DATA` makes a corpus, "
        "`admit` puts a file of texts through its gate, `run` has a model reflect on agent logs, `export` writes a "
        "training set; `status` says how the corpus stands, `explain` why a row was decided so. `docs` has the pages."
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for group in (
    demo,
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
    settings,
    pages,
):
    group.register(app)


# What Ctrl-C leaves behind, by verb; tables are committed whole, files appear whole, and paid answers are kept.
STOPPED = {
    "demo": "Remove its folder to see it from the start.",
    "init": "No corpus was made; run the same command again.",
    "run": "What was committed stays, and paid answers are kept: the same command goes on from there.",
    "night": "Finished steps stay: the same command goes on where it stopped.",
    "consolidate": "No adapter was kept; the corpus is as it was.",
    "export": "An earlier export stays as it was; run the same command again.",
    "collect": "No file was written; run the same command again.",
    "schedule": "No more rounds are started; a round under way was not committed and is made at the next start.",
    "dashboard": "The pages are no longer served.",
}
WRITES = frozenset("admit heldout reanchor anchor retract evict unfreeze label supersede maintain monitor".split())
INTERRUPTED = 130
# What a service manager, a queue or a terminal that is closed sends. Exit code 128 and its number, as shells have it.
ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_CAME: list[signal.Signals] = []
_LIMITS = re.compile(r"Too many open files|Cannot allocate memory|Resource temporarily unavailable")

# What `sysexits.h` calls an internal error: no caller takes it for an alarm (1) or for bad input (2).
BUG = 70


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"synthdata {version('synthdata-gate')}\n")
        raise typer.Exit


@app.callback()
def shared(
    debug: Annotated[bool, typer.Option("--debug", help="After an unexpected error print its traceback.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options of every verb; `main` reads them, so that they may stand anywhere."""


def _raised_again(unraisable: sys.UnraisableHookArgs) -> None:
    """Python drops a Ctrl-C that comes within a callback of its own, with a traceback: here it counts as the others."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        # By another thread and a moment later, or it would be raised in here and be dropped again.
        _thread.start_new_thread(_interrupt_soon, ())
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt_soon() -> None:
    time.sleep(0.05)
    # Where Ctrl-C is ignored, as it is in the background of a script, that signal would do nothing.
    _thread.interrupt_main(_CAME[-1] if _CAME else signal.SIGINT)


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 refused by an alarm or a floor, 2 bad input, 3 corrupt store, 70 a bug of this program, 75
    another process is writing, 130 stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP.
    """
    # Set before anything imports the libraries that read them: no hub, no telemetry, no outside host.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _open_standard_streams()
    arguments = [word for word in sys.argv[1:] if word != "--debug"]
    sys.unraisablehook = _raised_again
    _end_like_ctrl_c()
    try:
        _look_at_machine()
        app(args=arguments, prog_name="synthdata")
    except (SystemExit, KeyboardInterrupt) as leaving:
        if isinstance(leaving, SystemExit) and leaving.code != INTERRUPTED:
            raise
        # One Ctrl-C is enough, and the sentence is not cut by a second.
        for number in (signal.SIGINT, *ENDING):
            signal.signal(number, signal.SIG_IGN)
        _say(f"stopped. {stopped(arguments)}")
        # A Ctrl-C that falls into an `exec` of Python's own (a dataclass being made) leaves a mark, by which
        # `python -m` ends as killed by the signal, whatever code it is given. The next `exec` wipes it off.
        exec("")
        sys.exit(128 + _CAME[0] if _CAME else INTERRUPTED)
    except SynthdataError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        _leave_pipe()
    except OSError as error:
        # A full disk, a folder that may not be written, a path through a file: no bug, and the path says where.
        _say(sentence(error))
        sys.exit(InputError.exit_code)
    except BaseException as error:
        # A panic of a library in Rust is no Exception.
        refused = _refused(error)
        if refused:
            _say(refused)
            sys.exit(InputError.exit_code)
        _say(f"this is a bug: {type(error).__name__}: {error}; please report it with its traceback, {_kept()}")
        if len(arguments) < len(sys.argv) - 1:
            sys.stderr.write(_traceback())
        sys.exit(BUG)


def _open_standard_streams() -> None:
    """Open what a shell has closed (`2>&-`): the next file would take its number, and what is told would go there."""
    # In this order each gets its own number, which is the lowest that is free.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays open to the end


def _end_like_ctrl_c() -> None:
    """Let the signals that end a process end it as Ctrl-C does, with what is half-made taken away."""

    def end(number: int, frame: FrameType | None) -> None:
        _CAME.append(signal.Signals(number))
        raise KeyboardInterrupt

    # `nohup` has one ignored, and so it stays.
    for number in ENDING:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def _look_at_machine() -> None:
    if time.time() < 0:
        raise InputError("the clock of this machine stands before 1970, where no file has a time; set it")
    if sys.platform == "win32":
        return
    import resource

    # Said beforehand: a native library that gets no memory ends the process, and nobody can catch that.
    for kind, name, enough in ((resource.RLIMIT_AS, "ulimit -v", 3), (resource.RLIMIT_DATA, "ulimit -d", 1)):
        limit = resource.getrlimit(kind)[0] / 2**30
        if 0 <= limit < enough:
            _say(
                f"`{name}` allows {limit:.1f} GB, and {enough} are wanted: a library that gets no more may end this "
                "without another word (nothing in a corpus is lost); raise it if so"
            )


def _refused(error: BaseException) -> str:
    """What the system refuses, as libraries say it in errors of their own; empty where the error is another."""
    found = _LIMITS.search(str(error))
    limit = "out of memory" if isinstance(error, MemoryError) else found[0].lower() if found else ""
    if limit:
        return f"the system: {limit}; see `ulimit -a` and the free memory, and run the same command again"
    refused = refusal(error)
    return f"the disk: {str(error).splitlines()[0]}: {refused}" if refused else ""


def _leave_pipe() -> NoReturn:
    """End: the reader of a pipe (`| head`) went away, which is no error of ours, and nothing is left to say."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def stopped(arguments: list[str]) -> str:
    """What is safe after Ctrl-C, in one sentence, for the verb of these arguments."""
    verb = next((word for word in arguments if not word.startswith("-")), "")
    if verb in STOPPED:
        return STOPPED[verb]
    if verb in WRITES:
        return "The corpus holds all of this step or nothing of it; the same command may be run again."
    return "Nothing was written to a corpus."


def _say(line: str) -> None:
    from synthdata.text.display import printable_message

    sys.stderr.write(f"synthdata: {printable_message(line)}\n")


def _kept() -> str:
    """A new file with the traceback of the error under way and the command that met it; its path."""
    before = f"{' '.join(sys.argv)}\n\n"
    text = f"synthdata {version('synthdata-gate')}, Python {sys.version}\n{_traceback(before)}"
    try:
        descriptor, path = tempfile.mkstemp(prefix="synthdata-bug-", suffix=".txt", text=True)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        return f"which `--debug` prints (no file can be written, {sentence(error)})"
    return path


def _traceback(before: str = "") -> str:
    """The traceback of the error under way. It is made to be sent to somebody, and may repeat a line of a log."""
    from synthdata.text.redaction import without_secrets

    return without_secrets(before + traceback.format_exc())
