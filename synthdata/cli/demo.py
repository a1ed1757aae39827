"""`demo`: the walk from recorded runs to a training set, on the sample that comes along, verb by verb."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from synthdata.errors import InputError
from synthdata.text.terminal import say


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Argument(help="A new folder for corpus and training set.")] = Path("synthdata-demo"),
    rounds: Annotated[int, typer.Option(min=1, max=3, help="Rounds over the sample, sixty runs each.")] = 1,
) -> None:
    """See it work on a sample that comes along.

    Rounds over 234 recorded runs of text games with the small model inside, then a training set.

    No key, no account, no network. Each step is shown as the command that you would type. A round takes about four
    minutes on two cores.
    """
    from synthdata.cli.ask import status, verify
    from synthdata.cli.decide import init
    from synthdata.cli.generate import run
    from synthdata.cli.leave import export
    from synthdata.generation.weights import locate
    from synthdata.settings.shipped import shipped_folder

    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder}: is there already; name a new folder, or remove it to see the demo again")
    locate()
    sample, corpus, out = shipped_folder("sample"), folder / "corpus", folder / "training-set"
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    _step(f"init {corpus} --reference {sample} --config demo", lambda: init(corpus, sample, config=Path("demo")))
    for _ in range(rounds):
        command = f"run {corpus} --trajectories {sample} --limit 60 --plain"
        _step(command, lambda: run(corpus, sample, limit=60, plain=True))
    _step(f"status {corpus}", lambda: status(corpus))
    _step(f"export {corpus} {out}", lambda: export(corpus, out))
    _step(f"verify {corpus}", lambda: verify(corpus))
    say("")
    say(f"Done in {time.monotonic() - began:.0f} seconds. Next:")
    further = {
        f"synthdata dashboard {corpus}": "the same as pages",
        "synthdata docs ideas": "the ideas in five minutes",
        "synthdata inspect FILE": "a file of your own",
    }
    for command, shows in further.items():
        say(f"  {command.ljust(max(map(len, further)))}  {shows}")


def _step(command: str, verb: Callable[[], None]) -> None:
    say("")
    say(f"$ synthdata {command}")
    verb()
