"""The options that several verbs share, with their help texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CorpusPath = Annotated[Path, typer.Argument(help="The corpus folder.", show_default=False)]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings as TOML; default, demo and night are shipped. Default: those of the corpus, if any."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one setting, such as recipe.gate.tau=0.93. May be given several times.",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="ROLE=COLUMN,...",
        help="Which columns hold what, such as content=output,context=instruction+input; roles: content, context, "
        "messages, system, history, tools, chosen, rejected, label. Default: what their names and values say.",
    ),
]
Online = Annotated[
    bool,
    typer.Option("--online", help="OWNER/NAME or hf://... is fetched from the Hugging Face hub. Default: no host."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, for machines.")]
AsOf = Annotated[int | None, typer.Option(help="Read the corpus as it stood after this round.")]
