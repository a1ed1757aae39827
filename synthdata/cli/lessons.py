"""The verbs `lessons` and `supersede`: what the corpus has taught about a task, and that a lesson no longer stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from synthdata.cli.options import AsJson, AsOf, CorpusPath
from synthdata.text.numbers import number
from synthdata.text.terminal import emit_json, progress, say, table


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(lessons)
    app.command()(supersede)


def lessons(
    corpus: CorpusPath,
    query: Annotated[str, typer.Argument(help="A task, a step, or any text.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, help="Lessons at most.")] = 5,
    task: Annotated[str, typer.Option(help="Only lessons of this task id.")] = "",
    source: Annotated[str, typer.Option(help="Only lessons of this source.")] = "",
    licence: Annotated[str, typer.Option(help="Only lessons of this licence.")] = "",
    since: Annotated[int, typer.Option(help="Only lessons of this round or a later one.")] = 0,
    standing: Annotated[
        bool, typer.Option("--standing", help="Leave out what was superseded or contradicted.")
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Find the lessons for a task or a step.

    The nearest admitted ones, where they come from, and whether they still stand.
    """
    from synthdata.corpus import CorpusStore
    from synthdata.memory import Memory, Scope
    from synthdata.memory.index import build_index, open_index

    store = CorpusStore.open(corpus)
    if open_index(store) is None:
        with progress("rows indexed", sum(store.rounds()["admit"])) as advance:
            build_index(store, advance)
    memory = Memory.open(store, as_of=as_of)
    hits = memory.recall(query, limit, Scope(task, source, licence, since, standing))
    if as_json:
        emit_json({"query": query, "searched": len(memory), "lessons": [asdict(item) for item in hits]})
        return
    if not hits:
        say(f"{corpus}: none of {len(memory)} lessons answers to that")
    rows = [(item.id[:12], item.lesson, item.when, item.standing.status, item.score) for item in hits]
    if rows:
        table(f"of {len(memory)} lessons", ["id", "lesson", "when", "status", "score"], rows)
    for item in hits:
        step = "" if item.step is None else f", step {item.step}"
        of = f"run {item.trajectory_id}{step}" if item.trajectory_id else f"source {item.source or 'unknown'}"
        judged = "" if item.judged == "none" else f", judged by {item.judged}"
        where = f"{item.id[:12]}: {of}, round {item.round}{judged}, cosine {number(item.cosine)}"
        against = f" ({item.standing.by[:12]})" if item.standing.by else ""
        fallen = f"; {item.standing.status}{against}: {item.standing.because}" if item.standing.because else ""
        say(where + fallen)


def supersede(
    corpus: CorpusPath,
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The lesson: its id, the start of it, or the row's own id.")
    ],
    because: Annotated[str, typer.Option("--reason", "--because", help="Why it no longer stands.", show_default=False)],
    by: Annotated[str, typer.Option(metavar="ID", help="The lesson that takes its place.")] = "",
    contradicted: Annotated[bool, typer.Option("--contradicted", help="It was wrong, not only overtaken.")] = False,
) -> None:
    """Mark a lesson as overtaken or wrong.

    It stays in the corpus, and `lessons` says so.
    """
    from synthdata.corpus import CorpusStore
    from synthdata.memory import supersede as mark

    new = mark(CorpusStore.open(corpus), name, because, by, contradicted=contradicted)
    say(f"{name}: marked" if new else f"{name}: was marked so already; nothing changed")
