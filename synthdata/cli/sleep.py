"""Verbs that change the model: `consolidate` sleeps on a release, `night` is the whole chain that ends in a sleep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthdata.cli.decide import load_settings
from synthdata.cli.options import AsJson, Config, CorpusPath, Overrides
from synthdata.text.numbers import number
from synthdata.text.terminal import emit_json, progress, say, table

if TYPE_CHECKING:
    from synthdata.consolidation.sleep import SleepReport
    from synthdata.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(consolidate)
    app.command()(night)


def consolidate(
    corpus: CorpusPath,
    release: Annotated[str, typer.Option(help="Number or folder of a release that `export` recorded.")],
    base: Annotated[
        str | None, typer.Option(help="embedded, or the folder or name of a model that transformers loads.")
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Without the Prefect engine.")] = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train an adapter on a release; keep it if it helps.

    Trains a LoRA adapter, compares before and after, keeps it or rolls it back.

    Rolled back is an outcome like any other: exit code 0, and the reasons are told.
    """
    from dataclasses import asdict

    from synthdata.api import Corpus

    settings = load_settings(config, overrides, corpus)
    from synthdata.consolidation.lora import check_extra

    check_extra()
    if base is not None:
        settings = settings.with_value("recipe.training.base", base)
    if plain:
        from synthdata.consolidation.sleep import consolidate as sleep

        report = sleep(Corpus.open(corpus, settings=settings), release, bar=progress)
    else:
        from flows.server import prefect_api

        with prefect_api():
            from flows.consolidate import consolidate as flow

            report = flow(str(corpus), release, settings.model_dump(mode="json"))
    if as_json:
        emit_json(asdict(report))
    else:
        show_sleep(report)


def night(
    corpus: CorpusPath,
    trajectories: Annotated[
        Path | None, typer.Option(help="New agent logs. Without them the night plays text games of its own.")
    ] = None,
    origin: Annotated[Literal["real", "on_policy"], typer.Option(help="What those logs are.")] = "real",
    count: Annotated[int, typer.Option("--nights", min=1, help="So many nights, one after the other.")] = 1,
    plain: Annotated[bool, typer.Option("--plain", help="The same stages without the Prefect engine.")] = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Collect, curate, export and consolidate in one go.

    Run again after a kill, it goes on where it was.
    """
    settings = load_settings(config, overrides, corpus)
    from synthdata.consolidation.lora import check_extra

    # Before games are played and rounds made for a sleep that cannot be.
    check_extra()
    if plain:
        reports = [_plain_night(corpus, trajectories, origin, settings) for _ in range(count)]
    else:
        from flows.server import prefect_api

        with prefect_api():
            from flows.night import night as flow

            logs = str(trajectories) if trajectories else ""
            reports = [flow(str(corpus), logs, origin, settings.model_dump(mode="json")) for _ in range(count)]
    if as_json:
        emit_json(reports)
        return
    from synthdata.consolidation.night import decision_of

    rows = [(one["night"], one["in_corpus"], one["own_games"]["won"], decision_of(one["sleep"])) for one in reports]
    table("nights", ["night", "rows in corpus", "own games won", "decision"], rows)
    say(f"Before and after of each: {corpus / 'nights' / 'report.md'}")


def _plain_night(path: Path, trajectories: Path | None, origin: str, settings: Settings) -> dict[str, Any]:
    from synthdata.api import Corpus
    from synthdata.cli.generate import plain_round
    from synthdata.consolidation.night import Stages, collect, release, sleep, whole_night
    from synthdata.records import Origin

    stages = Stages(
        collect,
        lambda corpus, used, log, choice: plain_round(Corpus.open(path, settings=used), log, choice),
        lambda corpus: None,
        lambda corpus, tonight: release(corpus, tonight, lambda total: progress("export", total)),
        lambda corpus, tonight: sleep(corpus, tonight, progress),
    )
    logs = [(trajectories, Origin(origin))] if trajectories else []
    return whole_night(Corpus.open(path, settings=settings), logs, stages)


def show_sleep(report: SleepReport) -> None:
    """The before-and-after table and the decision."""
    if report.number is None:
        say("; ".join(report.reasons))
        return
    rows = [
        (one["name"], number(one["before"]), number(one["after"]), f"{one['low']:+.3f} to {one['high']:+.3f}", one["n"])
        for one in report.measured
    ]
    parent = "the base model" if report.parent is None else f"adapter {report.parent}"
    table(f"adapter {report.number} against {parent}", ["measure", "before", "after", "change (interval)", "n"], rows)
    if report.baselines:
        say("best moves of simple players: " + ", ".join(f"{k} {number(v)}" for k, v in report.baselines.items()))
    counts = ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in report.rows.items())
    say(f"{counts}; folder {report.folder}")
    again = " (decided before)" if report.repeated else ""
    say(f"{'Kept' if report.kept else 'Rolled back'}{again}: {'; '.join(report.reasons)}.")
