"""Verbs that make something new: `run` reflects on agent logs, `collect` plays games; the flows start here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import uuid4

import typer

from synthdata.cli.decide import load_settings, show_round
from synthdata.cli.options import AsJson, Config, CorpusPath, Overrides
from synthdata.errors import SettingsError
from synthdata.text.terminal import emit_json, note, progress, say, table

if TYPE_CHECKING:
    from synthdata.api import Corpus
    from synthdata.operations.reflect import RunSelection
    from synthdata.play.collect import Order
    from synthdata.play.players import Player
    from synthdata.records.report import RoundReport
    from synthdata.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(run)
    app.command()(collect)


def run(
    corpus: CorpusPath,
    trajectories: Annotated[Path, typer.Option(help="Agent logs in any known format: a file or a folder.")],
    generator: Annotated[
        str | None,
        typer.Option(help="embedded, adapter (the last one kept), scripted, or the base URL of an endpoint."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model name that the endpoint knows.")] = None,
    reflector: Annotated[
        Literal["full", "framed"] | None,
        typer.Option(help="full: the model reviews the steps; framed: rules find the fault, the model words it."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many runs.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="How many times the model is asked about each step.")
    ] = None,
    origin: Annotated[
        Literal["real", "on_policy"], typer.Option(help="on_policy: runs of a model that this corpus trained.")
    ] = "real",
    licence: Annotated[str, typer.Option(help="Licence of the logs; it travels to the export.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count calls, tokens and cost; ask nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Reflect on known runs too, with new samples.")] = False,
    retry_quarantined: Annotated[
        bool, typer.Option("--retry-quarantined", help="Ask again where the answer was unusable.")
    ] = False,
    target: Annotated[int | None, typer.Option(min=1, help="Rounds until exactly so many rows are admitted.")] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(help="Tokens of this run, or KEY=VALUE of runtime.budget, such as cost_per_day=2.5; repeatable."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The same stages without the Prefect engine.")] = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Learn from agent logs: one round.

    Reads logs, has a model reflect on them step by step, and admits what keeps the corpus diverse.
    """
    from synthdata.api import Corpus
    from synthdata.operations.reflect import RunSelection
    from synthdata.records import Origin

    settings = _with_generator(load_settings(config, overrides, corpus), generator, model, reflector, samples)
    settings = _with_budget(settings, budget or [])
    if settings.recipe.generation.generator == "adapter":
        from synthdata.consolidation.serving import with_adapter

        settings = with_adapter(Corpus.open(corpus), settings)
    opened = Corpus.open(corpus, settings=settings)
    choice = RunSelection(Origin(origin), licence, limit, again, retry_quarantined, run=uuid4().hex)
    if dry_run:
        _show_estimate(opened, trajectories, choice, as_json)
        return
    one_round = partial(plain_round if plain else _flow, opened, trajectories)
    if target is not None:
        _to_target(one_round, choice, target, settings, as_json)
        return
    report = one_round(choice)
    show_round(report, corpus, as_json)


def _with_budget(settings: Settings, budget: list[str]) -> Settings:
    for item in budget:
        name, _, value = item.rpartition("=")
        field = f"runtime.budget.{name.strip() or 'tokens_per_run'}"
        try:
            settings = settings.with_value(field, float(value) if "." in value else int(value))
        except ValueError as error:
            raise SettingsError(f"--budget {item}: write a number of tokens, or KEY=NUMBER") from error
    return settings


def _to_target(
    one_round: Callable[[RunSelection], RoundReport],
    choice: RunSelection,
    target: int,
    settings: Settings,
    as_json: bool,
) -> None:
    from synthdata.operations.target import to_target

    runtime = settings.runtime
    done = to_target(one_round, choice, target, runtime.chunk_size, runtime.budget.least_yield)
    rounds = [{"round": report.round, **report.counts} for report in done.rounds]
    if as_json:
        emit_json({"target": target, "admitted": done.admitted, "rounds": rounds, "stopped": done.stopped})
    else:
        table(
            f"{done.admitted} of {target} rows",
            ["round", "admitted", "rejected", "quarantined"],
            [tuple(row.values()) for row in rounds],
        )
        if done.stopped:
            say(f"stopped before the target: {done.stopped}")
    if done.stopped:
        raise typer.Exit(1)


def _with_generator(
    settings: Settings, generator: str | None, model: str | None, reflector: str | None, samples: int | None
) -> Settings:
    if generator is not None:
        kind = "openai_http" if "://" in generator else generator
        settings = settings.with_value("recipe.generation.generator", kind)
        if kind == "openai_http":
            settings = settings.with_value("runtime.endpoint", generator)
            # An endpoint is taken to be capable; `--reflector framed` says otherwise.
            reflector = reflector or "full"
    values = {"recipe.generation.model": model, "recipe.reflection.reflector": reflector}
    values["recipe.reflection.samples"] = samples  # type: ignore[assignment]
    for name, value in values.items():
        settings = settings if value is None else settings.with_value(name, value)
    return settings


def _show_estimate(corpus: Corpus, path: Path, choice: RunSelection, as_json: bool) -> None:
    from dataclasses import asdict

    from synthdata.generation import make_generator
    from synthdata.generation.dry_run import estimate
    from synthdata.operations.reflect import find_work
    from synthdata.reflection import requests_for

    work = find_work(corpus, path, choice)
    recipe, secret = corpus.settings.recipe, corpus.store.secret
    requests = requests_for(work.runs, recipe, secret, work.sample_start, work.guidance)
    cache = make_generator(corpus.settings, corpus.store.cache_dir / "responses")
    facts = {"runs": len(work.runs)} | asdict(estimate(requests, corpus.settings, cache))
    if as_json:
        emit_json(facts)
    else:
        table("dry run: nothing was asked", ["what", "value"], list(facts.items()))


def plain_round(corpus: Corpus, path: Path, choice: RunSelection) -> RoundReport:
    """One round without the Prefect engine."""
    from synthdata.monitor.health import read_tiles
    from synthdata.monitor.notify import log_metrics, send_alert
    from synthdata.operations.reflect import find_work, remember, round_lock
    from synthdata.operations.round import run_round

    with round_lock(corpus.store).held():
        work = find_work(corpus, path, choice)
        remember(corpus, work)
        report = run_round(corpus, work, choice, progress=progress, warn=note)
    store, runtime = corpus.store, corpus.settings.runtime
    for line in (*send_alert(store, runtime.webhook, read_tiles(store)), *log_metrics(store, runtime.sinks)):
        say(line)
    return report


def _flow(corpus: Corpus, path: Path, choice: RunSelection) -> RoundReport:
    from flows.server import prefect_api

    with prefect_api():
        from flows.curate import curate

        settings = corpus.settings.model_dump(mode="json")
        report: RoundReport = curate(str(corpus.store.path), str(path), choice, settings)
        return report


def collect(
    out: Annotated[Path, typer.Argument(help="Where to write: .jsonl or .jsonl.gz.")],
    env: Annotated[
        Literal["textworld", "tools", "browser"],
        typer.Option(help="Text games, a desk of JSON-schema tools over a database, or web pages in Chromium."),
    ] = "textworld",
    games: Annotated[int, typer.Option(min=1, help="How many games or tasks to make.")] = 40,
    episodes: Annotated[int, typer.Option(min=1, help="Runs of each game at each share of random moves.")] = 2,
    epsilon: Annotated[
        list[float] | None, typer.Option(help="Share of random moves; may be given several times.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    generator: Annotated[
        str | None,
        typer.Option(
            help="Who plays instead of the expert: embedded; outside textworld also random or an endpoint's URL."
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Model name that the endpoint knows.")] = "",
    policy: Annotated[Path | None, typer.Option(help="What the agent may do, as TOML (docs/worlds.md).")] = None,
    approve: Annotated[
        list[str] | None, typer.Option(help="An irreversible tool that may be used unattended; repeatable.")
    ] = None,
    recovery: Annotated[bool, typer.Option(help="Retry, avoid circles, go back to the last good state.")] = True,
    pictures: Annotated[bool, typer.Option(help="Screenshots of the browser, in a folder beside the runs.")] = True,
    sees: Annotated[
        bool, typer.Option("--sees", help="Send the endpoint the latest screenshot with each request.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Without the Prefect engine, as all but textworld is.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make games or tasks, play them, and record the runs.

    Every run comes with its outcome and which moves were on an optimal path.
    """
    from dataclasses import asdict

    from synthdata.play.collect import Order

    order = Order(games, episodes, tuple(epsilon) if epsilon else (0.0, 0.2, 0.4, 0.6), seed)
    if env != "textworld":
        counts = _collect_world(
            out, env, order, generator, model, policy, tuple(approve or ()), recovery, pictures, sees
        )
    elif model or policy or approve or sees or generator not in (None, "embedded"):
        raise SettingsError("--model, --policy, --approve, --sees and an endpoint are for --env tools and browser")
    elif plain:
        from synthdata.play.collect import collect_to

        counts = asdict(collect_to(out, order, _player(generator)))
    else:
        from flows.server import prefect_api

        with prefect_api():
            from flows.collect import collect as flow

            counts = flow(str(out), games, episodes, order.epsilons, seed, player=_player(generator))
    if as_json:
        emit_json(counts)
    else:
        table(f"collected into {out}", ["what", "value"], list(counts.items()))
        say("Read them with `synthdata run CORPUS --trajectories` or as a reference of `synthdata init`.")


def _collect_world(
    out: Path,
    env: Literal["tools", "browser"],
    order: Order,
    generator: str | None,
    model: str,
    policy: Path | None,
    approved: tuple[str, ...],
    recovery: bool,
    pictures: bool,
    sees: bool,
) -> dict[str, object]:
    from dataclasses import asdict

    from synthdata.settings import RuntimeSettings
    from synthdata.worlds.collect import Setting, collect_to
    from synthdata.worlds.endpoint import EndpointPlayer
    from synthdata.worlds.episode import Recovery
    from synthdata.worlds.guard import Guard, Policy
    from synthdata.worlds.make import PLAIN, make, shipped_policy
    from synthdata.worlds.players import Expert, LikelihoodPlayer, RandomPlayer

    allowed = Policy.from_toml(policy) if policy else shipped_policy(env)
    unknown = sorted(set(approved) - set(allowed.irreversible))
    if unknown:
        raise SettingsError(
            f"--approve {unknown[0]}: the policy names {', '.join(allowed.irreversible)} as irreversible"
        )
    if sees and (env != "browser" or not pictures or generator in (None, "embedded", "random")):
        raise SettingsError("--sees is for an endpoint in the browser, with pictures")
    guard = Guard(allowed, lambda action: action.name in approved)
    world = {**PLAIN[env], **({"pictures": pictures} if env == "browser" else {})}
    setting = Setting(world, guard, approved, Recovery() if recovery else None)
    if generator is None:
        player: Expert | RandomPlayer | LikelihoodPlayer | EndpointPlayer = Expert()
    elif generator == "random":
        player = RandomPlayer()
    elif generator == "embedded":
        from synthdata.generation.embedded import EmbeddedGenerator

        scorer = EmbeddedGenerator()
        player = LikelihoodPlayer(scorer, scorer.model)
    elif generator.startswith(("http://", "https://")) and model:
        player = EndpointPlayer(model, RuntimeSettings(endpoint=generator), make(PLAIN[env]).tools, sees=sees)
    else:
        raise SettingsError("--generator is `embedded`, `random` or an endpoint's URL, which needs --model too")
    with progress("tasks", order.games) as advance:
        return asdict(collect_to(out, setting, order, player, advance=advance))


def _player(generator: str | None) -> Player:
    from synthdata.play.players import Expert, LikelihoodPlayer

    if generator is None:
        return Expert()
    from synthdata.generation.embedded import EmbeddedGenerator

    model = EmbeddedGenerator()
    return LikelihoodPlayer(model, model.model)
