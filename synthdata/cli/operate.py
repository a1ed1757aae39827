"""Verbs for the one who runs it: `monitor` looks at the last round and tells of alarms."""

from __future__ import annotations

import typer

from synthdata.cli.options import AsJson, CorpusPath
from synthdata.cli.output import emit_json, number, say, table


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(monitor)


def monitor(corpus: CorpusPath, as_json: AsJson = False) -> None:
    """The tiles of the last round; an alarm goes to the webhook that the settings name. Exit code 1 where it is red."""
    from dataclasses import asdict

    from synthdata.api import Corpus
    from synthdata.monitoring import read_tiles
    from synthdata.telling import log_metrics, tell

    opened = Corpus.open(corpus)
    opened.watch()
    found = read_tiles(opened.store)
    runtime = opened.settings.runtime
    told = [*tell(opened.store, runtime.webhook, found), *log_metrics(opened.store, runtime.sinks)]
    if as_json:
        emit_json(asdict(found) | {"told": told})
    else:
        columns = ["tile", "metric", "view", "value", "real text"]
        rows = [[row["tile"], row["metric"], row["view"], row["value"], _band(row)] for row in found.tiles]
        table(f"{found.corpus}, round {found.round}: {found.level}", columns, rows)
        for line in (found.summary(), *told):
            say(line)
    if found.level == "red":
        raise typer.Exit(1)


def _band(row: dict[str, object]) -> str:
    low, high = row["low"], row["high"]
    return f"{number(low)} to {number(high)}" if isinstance(low, float) and isinstance(high, float) else ""
