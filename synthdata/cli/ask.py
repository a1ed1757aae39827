"""Verbs that only read: `status`, `explain` and `verify`; none of them needs a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from synthdata.cli.options import AsJson, AsOf, CorpusPath
from synthdata.text.display import beginning
from synthdata.text.names import (
    METRICS,
    alarm_name,
    metric_name,
    reason_name,
    reason_says,
    seen_name,
    sentence,
    verdict_name,
    view_name,
)
from synthdata.text.numbers import counted, number, percent
from synthdata.text.terminal import emit_json, note, out, progress, say, table

if TYPE_CHECKING:
    from synthdata.corpus import CorpusStore

TREND = ("n2", "cell_hill_1", "coverage", "mmd2", "tail_coverage", "distinct_3", "skeleton_hill_1")
TREND_ROUNDS, _LEAST_ROUNDS = 6, 2
# Characters of the columns of a trend: name and real text together, and each round.
_TREND_SIDES, _TREND_COLUMN = 50, 13
SHOWN_ROUNDS, SHOWN_SOURCES = 12, 10
_EACH = 3

# Notes of a run that `explain` prints.
_NOTES_SHOWN = 6


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(status)
    app.command()(explain)
    app.command()(verify)


def status(
    corpus: CorpusPath,
    as_of: AsOf = None,
    as_json: AsJson = False,
    prom: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the numbers as a Prometheus text file.")
    ] = None,
) -> None:
    """How the corpus stands, and what to do next.

    One sentence first; then counts, diversity, and what starved the last round.
    """
    from dataclasses import asdict

    from synthdata.corpus import CorpusStore
    from synthdata.monitor.headline import headline
    from synthdata.monitor.running import running
    from synthdata.monitor.status import status as facts_of
    from synthdata.monitor.status import steering_note
    from synthdata.monitor.stream import stream_notes

    store = CorpusStore.open(corpus)
    facts, now = facts_of(store, as_of), running(store)
    if prom is not None:
        from synthdata.dashboard.prometheus import write_prom
        from synthdata.dashboard.reading import Reader

        write_prom(Reader(corpus, as_of).current(), prom)
    if as_json:
        emit_json(facts | {"running": asdict(now) if now else None})
        return
    say(str(headline(facts).about(corpus)))
    if now:
        say(str(now))
    rows, runs = counted(facts["in_corpus"], "row"), counted(facts["experience"], "run")
    say(f"{corpus}: round {facts['round']}, {rows} in the corpus, {runs} read")
    counts = [("admitted", "", facts["admitted"])]
    counts += [("refused", reason_name(reason), n) for reason, n in facts["rejected"].items()]
    counts += [("unreadable", "", facts["quarantined"])] if facts["quarantined"] else []
    if facts["candidates"]:
        table(f"{facts['candidates']} candidates in all rounds", ["verdict", "reason", "rows"], counts)
    rounds = [tuple(row.values()) for row in facts["rounds"][-SHOWN_ROUNDS:]]
    if rounds:
        earlier = f" (the last {SHOWN_ROUNDS} of {len(facts['rounds'])})" if len(facts["rounds"]) > SHOWN_ROUNDS else ""
        table(f"rounds{earlier}", ["round", "candidates", "admitted", "refused", "unreadable"], rounds)
    _show_sources(facts["sources"])
    _show_metrics(facts["metrics"], facts["intervals"])
    _show_pictures(facts)
    _show_trend(facts["trend"])
    _show_floor(facts)
    for line in stream_notes(facts):
        say(line)
    _show_alarms(facts["alarms"], facts["round"])
    last = facts["schedule"]["last"]
    if last:
        ended = ", ".join(f"{outcome} {n}" for outcome, n in facts["schedule"]["counts"].items())
        say(f"Schedule: {ended}; the last tick {last['at']} {last['outcome']}: {last['message']}")
    if facts["steering"]:
        say(steering_note(facts["steering"]))
    if facts["starved"]:
        say(f"The last round starved: {facts['starved']}")


def _show_sources(sources: list[dict[str, Any]]) -> None:
    """Which source brings least, where there are several."""
    if len(sources) < 2:
        return
    rows = [
        (row["source"] or "none named", row["candidates"], row["admitted"], percent(row["share"]),
         reason_name(row["reason"]))
        for row in sources[:SHOWN_SOURCES]
    ]  # fmt: skip
    more = f" (the worst {SHOWN_SOURCES} of {len(sources)})" if len(sources) > SHOWN_SOURCES else ", the worst first"
    table(f"sources{more}", ["source", "candidates", "admitted", "share", "most others fell for"], rows)


def _show_floor(facts: dict[str, Any]) -> None:
    from synthdata.monitor.status import floor_note

    anchor = facts["anchor"]
    judged = "No judge has looked at these rows." if facts["judged"] == "none" else f"Judged by {facts['judged']}."
    say(f"{floor_note(anchor)} {judged} Real share: {percent(facts['real_share'])}.")
    if "n2_floor" in anchor:
        name = metric_name("n2")
        where = "real data" if anchor["calibrated_from"] == "reference" else "the first round"
        say(f"{name}: {number(anchor['n2_reference'])} in {where}, the floor is {number(anchor['n2_floor'])}.")


def _show_alarms(alarms: list[dict[str, Any]], last: int) -> None:
    """Those of the last round by tile, and since when; earlier ones that have gone silent as a count."""
    now = [alarm for alarm in alarms if alarm["round"] == last]
    for alarm in now:
        since = min(other["round"] for other in alarms if other["tile"] == alarm["tile"])
        ago = f", since round {since}" if since < last else ""
        say(f"alarm, {alarm['level']}: {alarm_name(alarm['tile'])} in round {last}{ago}")
    silent = {alarm["tile"] for alarm in alarms} - {alarm["tile"] for alarm in now}
    if silent:
        say(f"alarms of earlier rounds, silent now: {', '.join(sorted(map(alarm_name, silent)))}")


def _show_metrics(metrics: dict[str, dict[str, Any]], intervals: dict[str, dict[str, list[float]]]) -> None:
    views = [view for view in ("raw", "round", "admitted", "reference_heldout") if view in metrics]
    known = [name for name in METRICS if any(metrics[view].get(name) is not None for view in views)]
    if not views:
        return
    rows = [
        (metric_name(name), *(_placed(metrics[view].get(name), intervals.get(view, {}).get(name)) for view in views))
        for name in known
    ]
    title = "diversity after the last round (- or + : under or over real text of that size)"
    table(title, ["metric", *map(view_name, views)], rows)


def _show_pictures(facts: dict[str, Any]) -> None:
    """The view `screen`, where an encoder of pictures is at work."""
    values, absent = facts["metrics"].get("screen", {}), facts["absent"].get("screen", {})
    bounds = facts["intervals"].get("screen", {})
    if "picture_n2" not in values | absent:
        return
    known = [name for name in METRICS if name in values | absent]
    rows = [(metric_name(name), _placed(values.get(name), bounds.get(name)), absent.get(name, "")) for name in known]
    table(f"{view_name('screen')}, which decide nothing", ["metric", "value", "why not"], rows)


def _show_trend(trend: list[dict[str, Any]]) -> None:
    """The raw view over the last rounds, with where real text of the same size would lie in the last one."""
    # As many rounds as leave every number whole.
    room = (out().width - _TREND_SIDES) // _TREND_COLUMN
    shown = trend[-max(_LEAST_ROUNDS, min(TREND_ROUNDS, room)) :]
    names = [name for name in TREND if any((point.get(name) or {}).get("value") is not None for point in shown)]
    if not names:
        return
    rows = []
    for name in names:
        points = [point.get(name) or {} for point in shown]
        cells = [_placed(point.get("value"), _bounds(point)) for point in points]
        real = _bounds(points[-1])
        rows.append((metric_name(name), *cells, f"{number(real[0])} to {number(real[1])}" if real else "-"))
    table("what the generator brought", ["metric", *(f"round {point['round']}" for point in shown), "real text"], rows)


def _bounds(point: dict[str, Any]) -> list[float] | None:
    return None if point.get("low") is None else [point["low"], point["high"]]


def _placed(value: float | None, bounds: list[float] | None) -> str:
    """A value with its place beside real text: `-` under the interval, `+` over it."""
    if value is None or bounds is None:
        return number(value)
    return number(value) + (" -" if value < bounds[0] else " +" if value > bounds[1] else "")


def explain(
    corpus: CorpusPath,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Candidate id, the start of one, or the row's own id. Default: three refused rows of each reason.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Why one row was admitted or refused.

    Shows its text, the numbers the stages saw, and its nearest neighbour.
    """
    from synthdata.corpus import CorpusStore
    from synthdata.monitor.status import explain as facts_of

    if not name:
        _show_refused(CorpusStore.open(corpus), as_json)
        return
    facts = facts_of(CorpusStore.open(corpus), name)
    if as_json:
        emit_json(facts)
        return
    verdict = verdict_name(facts["verdict"]).capitalize()
    verdict += f": {reason_name(facts['reason'])}. {reason_says(facts['reason'])}" if facts["reason"] else "."
    judged = "" if facts["judged"] == "none" else f", judged by {facts['judged']}"
    say(f"{verdict} (candidate {facts['id']}, round {facts['round']}{judged})")
    if facts["score"] is not None:
        say(f"score {number(facts['score'])}, threshold {number(facts['threshold'])}")
    if facts["detail"]:
        say(sentence(facts["detail"]))
    texts: list[tuple[str, Any]] = [("content", facts["content"]), ("context", facts["context"])]
    if facts["neighbour"]:
        texts.append((f"neighbour {facts['neighbour']['id'][:12]}", facts["neighbour"]["content"]))
    table("texts", ["what", "text"], [row for row in texts if row[1]])
    _show_review(facts["payload"])
    for picture in facts["pictures"]:
        words = f": {picture['alt']}" if picture["alt"] else ""
        like = f", {picture['near']} others of the corpus look like it" if picture["near"] else ""
        say(f"picture {picture['width']}x{picture['height']}{words}, {picture['file'] or picture['name']}{like}")
    for line in facts["run_notes"][:_NOTES_SHOWN]:
        say(f"its run was read with a note: {line}")
    if len(facts["run_notes"]) > _NOTES_SHOWN:
        say(f"and {len(facts['run_notes']) - _NOTES_SHOWN} further notes (--json shows all)")
    if facts["numbers"]:
        seen = [(seen_name(name), value) for name, value in facts["numbers"].items()]
        table("numbers the stages saw", ["name", "value"], seen)


def _show_refused(store: CorpusStore, as_json: bool) -> None:
    from synthdata.monitor.status import refused_rows

    refused = refused_rows(store, _EACH)
    if as_json:
        emit_json(refused)
        return
    rows = [
        (reason_name(row["reason"]), row["id"][:12], row["round"], beginning(row["content"] or row["context"], 200))
        for row in refused
    ]
    table("refused, the newest of each reason; `explain CORPUS ID` shows one", ["reason", "id", "round", "text"], rows)


def _show_review(payload: Any) -> None:  # noqa: ANN401 - JSON that anybody may have written
    if not isinstance(payload, dict) or "evidence" not in payload:
        return
    author = {"rule": "a rule over the text of the run", "model": "the model"}.get(
        str(payload.get("found_by")), "unknown"
    )
    say(f"focus step {payload.get('focus')}, cause {payload.get('cause_code')}, found by {author}")
    for quote in payload["evidence"]:
        say(f"evidence, step {quote['step_idx']}, {quote['field']}: {quote['quote']}")


def verify(
    corpus: CorpusPath,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the derived files again from the tables.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="First restore what the seals prove: chain, header, a log's lost end.")
    ] = False,
    digest: Annotated[
        bool,
        typer.Option(
            "--digest", help="Print the digests of all decisions and of later events: equal content, equal digest."
        ),
    ] = False,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Check that the corpus is whole.

    Checks every seal and invariant of the store; exit code 3 where one is broken.
    """
    from dataclasses import asdict

    from synthdata.corpus import CorpusStore
    from synthdata.corpus.digest import digest as digest_of
    from synthdata.corpus.digest import events_digest
    from synthdata.corpus.repair import repair as restore
    from synthdata.corpus.verify import sealed_from, sealed_rounds
    from synthdata.corpus.verify import verify as findings_of

    restored = restore(corpus) if repair else []
    for line in restored:
        note(f"synthdata: {line}")
    store = CorpusStore.open(corpus)
    with progress("checking: files and rounds", 1 + sealed_rounds(store)) as advance:
        findings = findings_of(store, advance=advance)
    texts = (digest_of(store, as_of), events_digest(store, as_of)) if digest else (None, None)
    if rebuild and not findings:
        from synthdata.rounds.restore import recheck

        findings = recheck(store)
        if not findings:
            from synthdata.memory.index import build_index

            build_index(store)
    if as_json:
        report = {"digest": texts[0], "events_digest": texts[1], "sealed": sealed_from(store), "restored": restored}
        emit_json({"findings": [asdict(finding) for finding in findings]} | report)
    else:
        for finding in findings:
            say(str(finding))
        if not findings:
            rounds = counted(store.latest_round(), "round")
            say(f"{corpus} is whole: every invariant holds ({rounds}; {sealed_from(store)})")
        if digest:
            say(f"events {texts[1]}")
            say(str(texts[0]))
    if findings:
        raise typer.Exit(3)
