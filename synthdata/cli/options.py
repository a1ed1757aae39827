"""The options that several verbs share, with their help texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CorpusPath = Annotated[Path, typer.Argument(help="The corpus folder.", show_default=False)]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings as TOML (configs/default.toml shows all). Default: those the corpus was made with."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override one setting, such as recipe.gate.tau=0.93. May be given several times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]
AsOf = Annotated[int | None, typer.Option(help="Read the corpus as it stood after this round.")]
