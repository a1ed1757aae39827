"""Verbs that hand over and take back: `export` writes a release, `retract` and `evict` un-admit rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthdata.cli.decide import load_settings
from synthdata.cli.options import AsJson, AsOf, CorpusPath
from synthdata.errors import InputError
from synthdata.text.numbers import counted, number, percent
from synthdata.text.terminal import emit_json, note, progress, say, table

if TYPE_CHECKING:
    from synthdata.api import Corpus
    from synthdata.export.build import ExportReport
    from synthdata.operations.retract import Retraction


_ALREADY = " already, by the same request; nothing was done now"
Request = Annotated[
    str,
    typer.Option(
        "--request",
        help="A name for this request. The same command again, before another round, does nothing twice; another name "
        "does it once more.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(export)
    app.command()(retract)
    app.command()(evict)
    app.command()(unfreeze)


def export(
    corpus: CorpusPath,
    out: Annotated[Path, typer.Argument(help="A new folder, or an earlier export, which is replaced whole.")],
    kinds: Annotated[
        str,
        typer.Option(
            help="Kinds of row, with commas: sft, messages, preference, kto, stepwise, self_distillation, lesson. "
            "Default: all."
        ),
    ] = "",
    licence: Annotated[
        list[str] | None, typer.Option(help="Only rows under this licence; may be given several times.")
    ] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="At most so many trained tokens (words and marks).")] = None,
    mix: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of trained tokens that is real. Default: all real rows there are."),
    ] = None,
    since_release: Annotated[
        bool, typer.Option("--since-release", help="Of the admitted rows only those that no release held.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Refuse instead of leaving rows out where too little is real.")
    ] = False,
    protect_tail: Annotated[
        bool, typer.Option("--protect-tail", help="Draw real rows with rare words first, at equal tokens.")
    ] = False,
    keep_personal_data: Annotated[
        bool, typer.Option("--keep-personal-data", help="Do not replace names, mails, numbers, addresses, birth dates.")
    ] = False,
    no_reference: Annotated[
        bool, typer.Option("--no-reference", help="Leave out the reference's rows, which come along as real data.")
    ] = False,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures", help="For models that see: pictures leave as such, not as words like [picture 64x48]."
        ),
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write a training set.

    In the formats of TRL, Axolotl, LLaMA-Factory and nanochat; it is recorded as a release.
    """
    from dataclasses import asdict
    from functools import partial

    from synthdata.api import Corpus
    from synthdata.export.build import ExportRequest
    from synthdata.export.build import export as write
    from synthdata.export.choice import ExportLimits
    from synthdata.export.kinds import KINDS, Kind

    settings = load_settings(None, None, corpus)
    for name, given in (("keep_personal_data", keep_personal_data), ("protect_tail", protect_tail)):
        settings = settings.with_value(f"recipe.export.{name}", True) if given else settings
    asked = tuple(name.strip() for name in kinds.split(",")) if kinds else KINDS
    chosen: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind in asked)
    strange = [name for name in asked if name not in KINDS]
    if strange:
        raise InputError(f"--kinds {kinds}: no kind {', '.join(strange)}; there are {', '.join(KINDS)}")
    limits = ExportLimits(tokens, mix, exact)
    named = tuple(licence or ())
    wanted = ExportRequest(as_of, since_release, chosen, named, limits, not no_reference, pictures=pictures)
    opened = Corpus.open(corpus, settings=settings)
    report = write(opened, out, wanted, bar=partial(progress, "sources of rows, checked"), announce=note)
    if as_json:
        emit_json(asdict(report))
    else:
        _show(report, opened)


def _show(report: ExportReport, corpus: Corpus) -> None:
    from synthdata.monitor.status import floor_note

    rows = [(kind, split, n) for kind, splits in report.kinds.items() for split, n in splits.items()]
    table(f"export {report.out}", ["kind", "split", "rows"], rows)
    shares = [(name, percent(share["rows"]), percent(share["tokens"])) for name, share in report.real_share.items()]
    table("real share of the train split", ["trained with", "by rows", "by tokens"], shares)
    if report.redacted:
        table("replaced by placeholders", ["kind", "times"], list(report.redacted.items()))
    for line in report.notes:
        say(line)
    release = report.release
    again = "" if release["new"] else " (recorded before: the same rows)"
    say(f"Release {release['number']}{again}: {release['added']} sources added, {release['removed']} removed.")
    say(floor_note(corpus.describe_anchor()))


def retract(
    corpus: CorpusPath,
    because: Annotated[str, typer.Option("--reason", "--because", help="Why; the reason is kept with the event.")],
    source: Annotated[str, typer.Option(help="Rows, runs and reference rows of this source.")] = "",
    identity: Annotated[
        list[str] | None,
        typer.Option("--id", help="An id, its beginning, or an external id; may be given several times."),
    ] = None,
    task: Annotated[str, typer.Option(help="Rows, runs and reference rows of this task id.")] = "",
    query: Annotated[str, typer.Option(help="Rows whose content or context holds this text, in any case.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken out; write nothing.")] = False,
    request: Request = "",
    as_json: AsJson = False,
) -> None:
    """Take rows back, by source, task, id or text.

    No later decision, metric or export sees them; every release that held them is named.

    Where several options are given, all must hold. Exported folders are not touched. Exit code 1: the floor, the
    least diversity that is kept, was lost, and the corpus is frozen (`synthdata docs floor`).
    """
    from synthdata.api import Corpus
    from synthdata.operations.retract import Selector
    from synthdata.operations.retract import retract as take_out

    naming = Selector(source, task, query, tuple(identity or ()))
    done = take_out(Corpus.open(corpus), naming, because, dry_run=dry_run, request=request)
    _show_retraction(done, corpus, dry_run=dry_run, as_json=as_json)
    if done.frozen:
        raise typer.Exit(1)


def evict(
    corpus: CorpusPath,
    rows: Annotated[int, typer.Option(help="Take out at most this many rows, the most redundant first.")],
    because: Annotated[str, typer.Option("--reason", "--because", help="Why; the reason is kept with the event.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken out; write nothing.")] = False,
    request: Request = "",
    as_json: AsJson = False,
) -> None:
    """Make the corpus smaller, not less diverse.

    Its most redundant synthetic rows go, real rows stay.

    Stops early where every row left is less redundant than the mean, for then each would be missed. Exported folders
    are not touched.
    """
    from synthdata.api import Corpus
    from synthdata.operations.evict import evict as take_out

    done = take_out(Corpus.open(corpus), rows, because, dry_run=dry_run, request=request)
    held = [{"number": release.number, "out": release.out, "held": count} for release, count in done.releases]
    if as_json:
        numbers = {"before": done.before, "after": done.after}
        facts = {"ids": done.ids, "asked": done.asked, "left": done.left, "repeated": done.repeated}
        emit_json({**facts, "collision": numbers, "releases": held})
        return
    outcome = "would be evicted" if dry_run else f"evicted{_ALREADY if done.repeated else ''}"
    say(
        f"{corpus}: {counted(len(done.ids), 'row')} of {rows} {outcome}; {counted(done.left, 'row')} left in the corpus"
    )
    if done.ids and done.after > 0:
        _show_n2(done.before, done.after)
    if len(done.ids) < rows:
        say("no more: every synthetic row that is left is less redundant than the mean, so each would be missed")
    if held:
        table("releases that held them", ["release", "folder", "rows"], [tuple(one.values()) for one in held])


def unfreeze(
    corpus: CorpusPath,
    because: Annotated[
        str,
        typer.Option("--reason", "--because", help="Why it may be exported again; the reason is kept with the event."),
    ],
) -> None:
    """Let exports leave a frozen corpus again.

    For after somebody has looked at why it was frozen; the reason is kept.
    """
    from synthdata.corpus import CorpusStore
    from synthdata.corpus.releases import frozen_because

    if not because.strip():
        raise InputError("say why the corpus may be exported again, with --reason")
    store = CorpusStore.open(corpus)
    with store.writing():
        reason = frozen_because(store)
        if reason is None:
            last = store.events("unfreeze")["payload"].to_list()[-1:]
            reasons = [f", and was unfrozen with the reason: {json.loads(payload)['because']}" for payload in last]
            say(f"{corpus}: is not frozen{''.join(reasons)}; nothing to do")
            return
        number = store.events().height
        store.append_event("unfreeze", str(number), {"because": because, "was": reason}, store.latest_round())
    say(f"{corpus}: exports may leave again. It was frozen because {reason}")


def _show_retraction(done: Retraction, corpus: Path, *, dry_run: bool, as_json: bool) -> None:
    named = done.named
    counts = {"rows": len(named.candidates), "runs": len(named.runs), "reference": len(named.reference)}
    held = [
        {"number": release.number, "out": release.out, "round": release.round, "held": count, "rows": release.rows}
        for release, count in done.releases
    ]
    if as_json:
        numbers = {"before": done.before, "after": done.after, "limit": done.limit}
        facts = {"collision": numbers, "releases": held, "frozen": done.frozen, "repeated": done.repeated}
        emit_json({**counts, "left": done.left, **facts})
        return
    how = f"{'would be ' if dry_run else ''}retracted{_ALREADY if done.repeated else ''}"
    say(
        f"{corpus}: {counted(counts['rows'], 'row')}, {counted(counts['runs'], 'run')} and "
        f"{counted(counts['reference'], 'reference row')} {how}; {counted(done.left, 'row')} left in the corpus"
    )
    if held:
        rows = [(item["number"], item["out"], item["round"], item["held"]) for item in held]
        table("releases that held them", ["release", "folder", "round", "sources held"], rows)
    else:
        say("No release held any of them.")
    _show_n2(done.before, done.after)
    if done.frozen:
        say(f"{'The corpus would be frozen' if dry_run else 'The corpus is frozen'}: {done.frozen}")


def _show_n2(before: float, after: float) -> None:
    """What a removal does to the diversity, from the collision before and after."""
    n2 = [number(1 / collision if collision else None) for collision in (before, after)]
    say(f"Distinct contents (N2) of real sample and corpus together: {n2[0]} before, {n2[1]} after.")
