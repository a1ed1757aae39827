"""The verb group `anchor`: what a team tells others of its reference, without texts, so that anchors can be pooled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthdata.cli.options import CorpusPath
from synthdata.text.terminal import say

Pool = Annotated[
    list[Path] | None,
    typer.Option("--pool", help="A message of a team, your own among them; once for each file."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    group = typer.Typer(help="Pool anchors of teams that may not share their texts.", no_args_is_help=True)
    group.command()(share)
    app.add_typer(group, name="anchor")


def share(
    corpus: CorpusPath,
    out: Annotated[Path, typer.Argument(help="Where your team's next message is written.")],
    pool: Pool = None,
) -> None:
    """Write your team's next message of sums.

    Each team writes three of them: without --pool the first, then those that the files given allow.

    No text and no row travels. It is not anonymity: sums of few rows span them, and two releases a row apart differ
    by exactly that row.
    """
    from synthdata.api import Corpus
    from synthdata.operations.pool import share as write_next

    which = write_next(Corpus.open(corpus), out, pool or [])
    say(f"{out}: the {which} of three messages. Give the files of all teams to the next `anchor share --pool FILE ...`")
    if which == "third":
        say("Once all teams have written theirs: `reanchor CORPUS --pool FILE ... --reason ...` with all messages.")
