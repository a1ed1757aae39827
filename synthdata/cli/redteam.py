"""The verb `redteam`: attacks on the rules and the judge, counted."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthdata.cli.options import AsJson, Config, Overrides
from synthdata.text.terminal import emit_json, progress, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from synthdata.judging.consistency import Pair
    from synthdata.protocols import Judge
    from synthdata.records import Trajectory
    from synthdata.redteam import Family
    from synthdata.redteam.trial import Result
    from synthdata.redteam.whole_gate import CopyResult
    from synthdata.settings import Settings

# Needs a whole gate with something in it, so it is no family of records like the others.
COPIES = "F15"
SAMPLE = Path(__file__).parent.parent.parent / "data" / "sample" / "textworld.jsonl.gz"


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(redteam)


def redteam(
    trajectories: Annotated[
        Path | None, typer.Option(help="Runs to build attacks on, a file or a folder. Default: the sample runs.")
    ] = None,
    generator: Annotated[
        str, typer.Option(help="Judge what the rules let pass: embedded, or the base URL of an endpoint.")
    ] = "",
    model: Annotated[str, typer.Option(help="Model name that the endpoint knows.")] = "",
    families: Annotated[str, typer.Option(help="Which families, such as F1,F2,G1. Default: all.")] = "",
    items: Annotated[int, typer.Option(min=1, help="Distinct items a family and form.")] = 368,
    examples: Annotated[int, typer.Option(min=0, help="Show so many items that got through, a family and form.")] = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Attack the rules and the judge.

    With known families of attacks. Exit code 1 if one got through that rules must hold.

    Without --generator the judge passes everything, so what is refused was refused by rules alone. 368 items with none
    accepted mean less than 1 % (exact, 95 %). The family F15, copies of admitted reviews, meets the whole gate in a
    throw-away corpus, with the encoder of your settings. No corpus of yours is touched. `synthdata docs redteam` names
    all families.
    """
    from synthdata.cli.decide import load_settings
    from synthdata.redteam.trial import attack_all, genuine_records

    settings = load_settings(config, overrides)
    chosen, copying = _families(families)
    judge = _judge(generator, model, settings)
    pool = genuine_records(_runs(trajectories), settings)
    with progress("attacking", sum(len(family.forms) for family in chosen) + copying) as advance:
        results = attack_all(chosen, pool, judge, settings.recipe, items, advance)
        copied = _copied(pool, settings) if copying else []
        advance(copying)
    broken = [result for result in results if result.broken]
    if as_json:
        rows = [_row(result, examples) for result in results]
        shown = [_copied_row(made, examples) for made in copied]
        emit_json({"judge": judge.model, "held": not broken, "results": rows, "copies": shown})
    else:
        _show(results, judge.model, examples)
        _show_copies(copied, examples)
    if broken:
        raise typer.Exit(1)


def _families(names: str) -> tuple[list[Family], bool]:
    from synthdata.errors import InputError
    from synthdata.redteam import FAMILIES

    wanted = [name.strip().upper() for name in names.split(",") if name.strip()]
    known = {family.id: family for family in FAMILIES}
    strange = [name for name in wanted if name not in known and name != COPIES]
    if strange:
        raise InputError(f"--families: no family {strange[0]}; there are {', '.join((*known, COPIES))}")
    chosen = [known[name] for name in wanted if name != COPIES]
    return chosen if wanted else list(FAMILIES), not wanted or COPIES in wanted


def _copied(pool: Sequence[Pair], settings: Settings) -> list[CopyResult]:
    import tempfile

    from synthdata.redteam.whole_gate import copy_attack

    with tempfile.TemporaryDirectory() as folder:
        return copy_attack(Path(folder) / "corpus", pool, settings)


def _judge(generator: str, model: str, settings: Settings) -> Judge:
    import secrets

    from synthdata.generation.weights import cache_folder
    from synthdata.judging.credulous import CredulousJudge
    from synthdata.rounds.judges import build_panel

    if not generator:
        return CredulousJudge()
    own = settings.with_value("recipe.judge.models", [model or generator])
    if "://" in generator:
        own = own.with_value("runtime.judge_endpoints", [generator])
    bench = build_panel(own, secrets.token_bytes(32), cache_folder() / "redteam")
    return CredulousJudge() if bench is None else bench.judge_for(0)


def _runs(path: Path | None) -> list[Trajectory]:
    from synthdata.errors import InputError
    from synthdata.records import Origin, Trajectory
    from synthdata.sources import read_trajectories

    if path is None and not SAMPLE.exists():
        raise InputError("the sample runs are not beside this installation; give agent logs with --trajectories")
    return [run for run in read_trajectories(path or SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]


def _row(result: Result, examples: int) -> dict[str, Any]:
    low, high = result.interval
    return {
        "family": result.family.id,
        "title": result.family.title,
        "form": result.form,
        "expected": result.family.expected,
        "must_hold": result.form in result.family.held,
        "items": result.items,
        "wrong": result.hits,
        "low": low,
        "high": high,
        "held_out_items": result.held_out,
        "held_out_wrong": result.held_out_hits,
        "abstained": result.abstained,
        "refused_as": result.reasons,
        "examples": list(result.got_through[:examples]),
    }


def _copied_row(made: CopyResult, examples: int) -> dict[str, Any]:
    low, high = made.interval
    return {
        "manner": made.manner,
        "items": made.items,
        "admitted": made.admitted,
        "low": low,
        "high": high,
        "refused_as_copy": made.as_copy,
        "cosine": None if isnan(made.cosine) else made.cosine,
        "tau": made.tau,
        "refused_as": made.reasons,
        "examples": list(made.got_through[:examples]),
    }


def _show_copies(copied: list[CopyResult], examples: int) -> None:
    if not copied:
        return
    from synthdata.redteam.whole_gate import COLUMNS

    table(f"{COPIES} copies of admitted reviews, before the whole gate", COLUMNS, [made.row for made in copied])
    say("as copies: refused for likeness to what was admitted. The last row is new and should be admitted.")
    say(f"cosine: median to the nearest admitted content; from {copied[0].tau:.2f} on two are the same to this gate.")
    for made in copied:
        for text in made.got_through[:examples]:
            say(f"{COPIES} {made.manner}: {text}")


def _show(results: list[Result], judge: str, examples: int) -> None:
    if not results:
        return
    rows = []
    for result in results:
        low, high = result.interval
        bar = "BROKEN" if result.broken else "holds" if result.form in result.family.held else ""
        wrong, half = f"{result.hits} of {result.items}", f"{result.held_out_hits} of {result.held_out}"
        name, share = f"{result.family.id} {result.family.title}", f"{low:.1%} to {high:.1%}"
        rows.append((name, result.form, result.family.expected, wrong, share, half, result.abstained, bar))
    columns = ["family", "form", "expected", "wrong", "95 % interval", "held out", "abstained", "rules"]
    table(f"red team, judge: {judge}", columns, rows)
    say("wrong: an attack that was accepted, a verdict that changed, a genuine text that was refused.")
    for result in results:
        for text in result.got_through[:examples]:
            say(f"{result.family.id} {result.form}: {text}")
