"""Verbs for the one who runs it: `monitor` looks at the last round, `schedule` makes rounds by the clock."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Annotated

import typer

from synthdata.cli.options import AsJson, Config, CorpusPath, Overrides
from synthdata.errors import InputError, LockedError
from synthdata.text.names import metric_name, view_name
from synthdata.text.numbers import number
from synthdata.text.terminal import emit_json, note, say, table

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(monitor)
    app.command()(schedule)
    app.command()(maintain)


def monitor(corpus: CorpusPath, as_json: AsJson = False) -> None:
    """The last round at a glance, for cron and CI.

    Sends an alarm to the webhook that the settings name. Exit code 1 where it is red.
    """
    from dataclasses import asdict

    from synthdata.api import Corpus
    from synthdata.monitor.health import read_tiles
    from synthdata.monitor.notify import log_metrics, send_alert

    opened = Corpus.open(corpus)
    try:
        opened.watch()
    except LockedError as error:
        note(f"synthdata: not measured anew now: {error}")
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES):
            raise
        note(f"synthdata: not measured anew now: {error.filename}: {error.strerror}")
    tiles = read_tiles(opened.store)
    runtime = opened.settings.runtime
    notices = [*send_alert(opened.store, runtime.webhook, tiles), *log_metrics(opened.store, runtime.sinks)]
    if as_json:
        emit_json(asdict(tiles) | {"told": notices})
    else:
        columns = ["metric", "view", "value", "real text"]
        rows = [[metric_name(row["metric"]), view_name(row["view"]), row["value"], _band(row)] for row in tiles.tiles]
        table(f"{tiles.corpus}, round {tiles.round}: {tiles.level}", columns, rows)
        for line in (tiles.summary(), *notices):
            say(line)
    if tiles.level == "red":
        raise typer.Exit(1)


def _band(row: dict[str, object]) -> str:
    low, high = row["low"], row["high"]
    return f"{number(low)} to {number(high)}" if isinstance(low, float) and isinstance(high, float) else ""


def schedule(
    corpus: CorpusPath,
    trajectories: Annotated[Path, typer.Option(help="Where the agents' logs arrive: a file or a folder.")],
    cron: Annotated[str, typer.Option(help='When, as cron says it (UTC): "0 3 * * *".')] = "",
    interval: Annotated[str, typer.Option(help="How often: 90s, 15m, 6h or 1d.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many new runs a round.")] = None,
    monitor_every: Annotated[str, typer.Option(help="Look at the corpus beside the rounds; 0s for never.")] = "1h",
    pause_on_red: Annotated[
        bool, typer.Option("--pause-on-red", help="A red round pauses the schedule, by a Prefect automation.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the Prefect server that is started; 0 for any free one.")] = 0,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Make rounds by the clock, until Ctrl-C.

    One at a time; starts a Prefect server unless PREFECT_API_URL is set.

    Server and runner are started again when they die. A tick that comes while a round is made is skipped and says so.
    """
    from flows.schedule import Plan, keep_running
    from synthdata.api import Corpus
    from synthdata.cli.decide import load_settings

    settings = load_settings(config, overrides, corpus)
    Corpus.open(corpus, settings=settings)
    if not trajectories.exists():
        raise InputError(f"{trajectories}: not there; make the folder first if logs will arrive later")
    plan = Plan(
        str(corpus.resolve()),
        str(trajectories.resolve()),
        cron,
        seconds_of("--interval", interval) if interval else 0.0,
        seconds_of("--monitor-every", monitor_every),
        pause_on_red,
        {} if limit is None else {"limit": limit},
        settings.model_dump(mode="json") if config or overrides else {},
    )
    keep_running(plan, port, note)


def maintain(
    corpus: CorpusPath,
    keep_rounds: Annotated[int, typer.Option(min=1, help="Table versions of so many last rounds stay readable.")] = 30,
    keep_hours: Annotated[
        int, typer.Option(min=0, help="Files dropped more recently stay: a reader may have them open.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Compact the tables, remove files nobody needs.

    Every version since the oldest release stays.
    """
    from dataclasses import asdict

    from synthdata.corpus import CorpusStore
    from synthdata.corpus.maintain import maintain as maintained

    store = CorpusStore.open(corpus)
    done = [asdict(row) for row in maintained(store, keep_rounds, keep_hours)]
    if as_json:
        emit_json(done)
    else:
        columns = ["table", "files before", "files after", "removed", "kept from version"]
        table(f"{corpus}: tables compacted", columns, [tuple(row.values()) for row in done])


def seconds_of(option: str, text: str) -> float:
    """Seconds of `90s`, `15m`, `6h` or `1d`.

    Raises:
        InputError: anything else; names the option.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not match:
        raise InputError(f"{option} {text}: write a number and s, m, h or d, such as 15m")
    return float(match[1]) * _UNITS[match[2]]
