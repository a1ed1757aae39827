"""The verb `replay`: what other settings would have decided, without asking a model and without writing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from synthdata.cli.options import AsJson, CorpusPath, Overrides
from synthdata.text.display import beginning
from synthdata.text.names import reason_name, verdict_name
from synthdata.text.numbers import number
from synthdata.text.terminal import emit_json, progress, say, table

if TYPE_CHECKING:
    from synthdata.rounds.replay import Change, ReplayReport

EXAMPLES = 4


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(replay)


def replay(
    corpus: CorpusPath,
    overrides: Overrides = None,
    only: Annotated[
        int | None, typer.Option("--round", help="This round alone, on the history as stored. Default: all rounds.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What would other thresholds have decided?

    Works from stored vectors; nothing is written.
    """
    from synthdata.cli.decide import load_settings
    from synthdata.corpus import CorpusStore
    from synthdata.rounds.replay import replay as compare

    store = CorpusStore.open(corpus)
    settings = load_settings(None, overrides, corpus)
    with progress("rounds replayed", 1 if only is not None else store.latest_round()) as advance:
        report = compare(store, settings, only, advance)
    if as_json:
        emit_json(asdict(report))
        return
    _show(report, overrides or [])


def _show(report: ReplayReport, overrides: list[str]) -> None:
    changes = ", ".join(overrides) or "the settings of the corpus"
    rounds = (
        f"round {report.rounds[0]}" if len(report.rounds) == 1 else f"rounds {report.rounds[0]} to {report.rounds[-1]}"
    )
    rows = [(_named(name), before, after, f"{after - before:+d}") for name, (before, after) in report.verdicts.items()]
    table(f"{rounds}, {report.candidates} candidates, with {changes}", ["verdict", "before", "after", "change"], rows)
    labels = {
        "n2_admitted": "Distinct contents (N2), admitted rows",
        "n2_with_window": "the same with the sample of real rows",
    }
    labels["cells"] = "Cells in use, admitted rows"
    numbers = [(labels[name], number(before), number(after)) for name, (before, after) in report.numbers.items()]
    table("diversity", ["number", "before", "after"], numbers)
    for note in report.notes:
        say(f"note: {note}")
    gained = [change for change in report.changes if change.gained]
    lost = [change for change in report.changes if change.lost]
    if not report.changes:
        say("No verdict differs.")
        return
    say(
        f"{len(report.changes)} verdicts differ: {len(gained)} rows would enter, {len(lost)} would not, "
        f"{len(report.changes) - len(gained) - len(lost)} would be refused for another reason."
    )
    _examples("rows that would enter", gained)
    _examples("rows that would not", lost)


def _named(outcome: str) -> str:
    """`admit` or a reason, by its name."""
    return verdict_name(outcome) if outcome == "admit" else reason_name(outcome)


def _examples(title: str, changes: list[Change]) -> None:
    if changes:
        rows = [
            (_named(c.before), _named(c.after), c.score, beginning(c.content, 200), beginning(c.neighbour_text, 200))
            for c in changes[:EXAMPLES]
        ]
        table(title, ["before", "after", "score", "text", "neighbour"], rows)
