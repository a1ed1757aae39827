"""Verbs that hand over: `export` writes a training set with its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthdata.cli.decide import load_settings
from synthdata.cli.options import AsJson, AsOf, CorpusPath
from synthdata.cli.output import emit_json, say, table


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(export)


def export(
    corpus: CorpusPath,
    out: Annotated[Path, typer.Argument(help="A new folder, or an earlier export, which is replaced whole.")],
    keep_personal_data: Annotated[
        bool, typer.Option("--keep-personal-data", help="Do not replace names, mails, numbers, addresses, birth dates.")
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write the admitted rows as messages JSONL and as a Hugging Face folder, with manifest and dataset card."""
    from dataclasses import asdict

    from synthdata.corpus import CorpusStore
    from synthdata.export import export as write
    from synthdata.overview import floor_note
    from synthdata.overview import status as facts_of

    store = CorpusStore.open(corpus)
    facts = facts_of(store, as_of)
    settings = load_settings(None, None, corpus)
    wanted = (
        settings.with_value("recipe.export.keep_personal_data", True) if keep_personal_data else settings
    ).recipe.export
    report = write(
        store,
        out,
        facts=facts,
        note=floor_note(facts["anchor"]),
        settings=wanted,
        as_of=as_of,
    )
    if as_json:
        emit_json(asdict(report))
        return
    table(f"export {out}", ["file", "rows"], list(report.files.items()))
    if report.redacted:
        table("replaced by placeholders", ["kind", "times"], list(report.redacted.items()))
    say(floor_note(facts["anchor"]))
