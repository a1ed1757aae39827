"""Verbs that decide: `init` freezes what real data looks like, `admit` puts a file of candidates through the gate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthdata.cli.options import AsJson, Config, CorpusPath, Map, Online, Overrides
from synthdata.errors import InputError, SettingsError
from synthdata.text.names import ANCHOR, metric_name, reason_name
from synthdata.text.terminal import emit_json, left_out, progress, say, table

if TYPE_CHECKING:
    from synthdata.api import Corpus
    from synthdata.records.report import RoundReport
    from synthdata.settings import Settings
    from synthdata.sources import Reading


def register(app: typer.Typer) -> None:
    """Add the verbs of this file."""
    app.command()(init)
    app.command()(admit)
    app.command()(heldout)
    app.command()(reanchor)


def init(
    corpus: CorpusPath,
    reference: Annotated[
        Path, typer.Option(help="Real samples in any known shape, or agent logs: a file or a folder.")
    ],
    heldout: Annotated[
        Path | None, typer.Option(help="What must never be admitted: a list of texts or hashes, samples or runs.")
    ] = None,
    inherited: Annotated[
        Path | None,
        typer.Option("--inherit", help="Rows that a model was trained on before; they enter without being decided."),
    ] = None,
    views: Annotated[
        Literal["auto", "one", "two"],
        typer.Option(help="Plain texts (one), or a context beside each content (two); auto looks at the reference."),
    ] = "auto",
    mapping: Map = None,
    online: Online = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Make a corpus from real data.

    Measures the real data once and freezes the result, the anchor, to which every later decision is compared:
    `synthdata docs anchor`.
    """
    from synthdata.api import Corpus
    from synthdata.corpus.beginning import refuse_occupied
    from synthdata.corpus.store import picture_store_of
    from synthdata.monitor.status import promise_note
    from synthdata.rounds.steps import read_heldout, read_reference
    from synthdata.sources import Reading, parse_map
    from synthdata.sources.hub import local_path

    refuse_occupied(corpus)
    settings = load_settings(config, overrides)
    reading, columns = Reading(), parse_map(mapping)
    path = local_path(reference, online)
    rows, broken = read_reference(path, settings, columns, reading, picture_store_of(corpus, settings.runtime))
    never = read_heldout(local_path(heldout, online), settings) if heldout else []
    if not as_json:
        show_reading(reading)
    read = {"source": str(reference), **reading.facts()}
    made = Corpus.init(corpus, rows, settings=settings, views=views, heldout=never, read=read, progress=progress)
    facts = made.describe_anchor() | {"reference_rows": len(rows), "unreadable": len(broken)}
    if inherited is not None:
        facts["inherited"] = _inherit(made, inherited)
    if as_json:
        emit_json(facts | {"read": reading.facts()})
        return
    table(f"{corpus}: measured and frozen", ["of the reference", "value"], _shown(facts))
    say(promise_note(facts))
    left_out(broken)
    if made.anchor.content is None:
        say("The reference holds no contents: the first round will calibrate what lessons are like, and say so.")
    say(
        f"Next: `synthdata admit {corpus} FILE` for texts, `synthdata run {corpus} --trajectories LOGS` for agent logs."
    )


def _shown(anchor: dict[str, Any]) -> list[tuple[str, object]]:
    """The facts of an anchor that people need, by their names."""
    return [(name, _readable(key, anchor[key])) for key, name in ANCHOR.items() if key in anchor]


def _readable(key: str, value: object) -> object:
    """A fact as people read it: of an encoder its name, while what else sets its vectors apart is for --json."""
    return ":".join(str(value).split(":")[:2]) if key == "encoder" else value


def _inherit(corpus: Corpus, path: Path) -> int:
    from synthdata.operations.reanchor import inherit
    from synthdata.records import Origin
    from synthdata.rounds.steps import read_rows

    rows, _ = read_rows(path, Origin.SYNTHETIC, corpus.settings, pictures=corpus.store.pictures)
    return inherit(corpus, rows, progress=progress).counts["admit"]


def admit(
    corpus: CorpusPath,
    file: Annotated[
        Path, typer.Argument(help="A data set in any known shape: a file or a folder (`synthdata docs formats`).")
    ],
    origin: Annotated[
        Literal["synthetic", "on_policy", "real"],
        typer.Option(help="Where the rows come from. Only you can vouch that they are real; a file cannot."),
    ] = "synthetic",
    mapping: Map = None,
    online: Online = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Decide which texts of a file may be trained on.

    Puts the file through the gate: each row gets one verdict with its reason and evidence.
    """
    from synthdata.api import Corpus
    from synthdata.records import Origin
    from synthdata.rounds.steps import read_rows
    from synthdata.sources import Reading, parse_map
    from synthdata.sources.hub import local_path

    opened = Corpus.open(corpus, settings=load_settings(config, overrides, corpus))
    reading, columns = Reading(), parse_map(mapping)
    path, picture_store = local_path(file, online), opened.store.pictures
    candidates, broken = read_rows(path, Origin(origin), opened.settings, columns, reading, picture_store)
    if not as_json:
        show_reading(reading)
    report = opened.admit(candidates, quarantined=broken, progress=progress)
    opened.note_reading(reading, str(file))
    if not as_json:
        left_out(broken)
    show_round(report, corpus, as_json, reading.facts())


def heldout(
    corpus: CorpusPath,
    file: Annotated[Path, typer.Argument(help="A list of texts or hashes, samples, or runs (their tasks).")],
    hashed: Annotated[
        bool, typer.Option("--hashed", help="Keep only hashes, not the texts. Light edits are then not found.")
    ] = False,
    mapping: Map = None,
    online: Online = False,
    as_json: AsJson = False,
) -> None:
    """Name texts that must never be admitted.

    Adds to the permanent list, and names rows admitted already that overlap with it.
    """
    from synthdata.api import Corpus
    from synthdata.gate.heldout import hash_row
    from synthdata.rounds.steps import read_heldout
    from synthdata.sources import Reading, parse_map
    from synthdata.sources.hub import local_path

    opened = Corpus.open(corpus)
    reading = Reading()
    rows = read_heldout(local_path(file, online), opened.settings, parse_map(mapping), reading)
    if not as_json:
        show_reading(reading)
    if hashed:
        gate = opened.settings.recipe.gate
        rows = [hash_row(row["text"], gate) if "text" in row else row for row in rows]
    overlaps = opened.hold_out(rows)
    if as_json:
        emit_json({"added": len(rows), "overlapping": dict(overlaps)})
    else:
        say(
            f"{corpus}: {len(rows)} rows are on the held-out list, {len(overlaps)} rows of the corpus overlap with them"
        )
        if overlaps:
            table("admitted before, to be retracted", ["id", "overlap"], overlaps)
    if overlaps:
        raise typer.Exit(1)


def reanchor(
    corpus: CorpusPath,
    because: Annotated[str, typer.Option("--reason", "--because", help="Why; the reason is kept with the event.")],
    reference: Annotated[
        Path | None, typer.Option(help="Newer real samples or agent logs: a file or a folder.")
    ] = None,
    pool: Annotated[
        list[Path] | None,
        typer.Option("--pool", help="A message of a team (`anchor share`); repeat it for each file."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Leave the old reference out instead of keeping it in the mix.")
    ] = False,
    mapping: Map = None,
    online: Online = False,
    as_json: AsJson = False,
) -> None:
    """Calibrate anew from newer real data.

    The anchor is what was measured of real data. The old one is kept, verdicts stay, and what was refused may come
    again.

    A corpus whose first round had to set the floor, the least diversity that is kept, gets one relative to real data as
    soon as there are real contents.
    """
    from dataclasses import asdict

    from synthdata.api import Corpus
    from synthdata.operations.reanchor import reanchor as calibrate_anew
    from synthdata.rounds.steps import read_reference
    from synthdata.sources import Reading, parse_map
    from synthdata.sources.hub import local_path

    opened = Corpus.open(corpus)
    if (reference is None) == (not pool):
        raise InputError("give either --reference with newer real data, or --pool with all messages of all teams")
    if reference is None:
        _pool(opened, pool or [], because, as_json)
        return
    reading = Reading()
    path, picture_store = local_path(reference, online), opened.store.pictures
    rows, broken = read_reference(path, opened.settings, parse_map(mapping), reading, picture_store)
    if not as_json:
        show_reading(reading)
    done = calibrate_anew(opened, rows, because, keep=not replace, progress=progress)
    if as_json:
        emit_json(asdict(done))
        return
    names = [*done.after, *(name for name in done.before if name not in done.after)]
    facts = [
        (ANCHOR[name], *(str(_readable(name, half.get(name, ""))) for half in (done.before, done.after)))
        for name in names
        if name in ANCHOR
    ]
    table(f"anchor {done.after['number']} of {corpus}", ["calibrated from the reference", "before", "after"], facts)
    left_out(broken)
    say(f"Between both references real experience has moved by {done.drift:.3f} nats (Jensen-Shannon, at most 0.693).")
    if done.repeated:
        say("The last new anchor was made by this very request; nothing was done now.")
    if done.carried:
        say("The new reference holds too few contents: what lessons are like is still measured by the old anchor.")


def _pool(corpus: Corpus, files: list[Path], because: str, as_json: bool) -> None:
    from synthdata.operations.pool import pool_anchor

    facts = pool_anchor(corpus, files, because)
    if as_json:
        emit_json(facts)
        return
    after: dict[str, object] = facts["after"]  # type: ignore[assignment]
    table(f"anchor of {facts['silos']} teams", ["calibrated from their sums", "value"], _shown(after))


def load_settings(config: Path | None, overrides: list[str] | None, corpus: Path | None = None) -> Settings:
    """Settings from the file, else those of the corpus, else the defaults; then single fields on top.

    Raises:
        SettingsError: an unknown key or an override that is not KEY=VALUE.
    """
    import tomllib

    from synthdata.corpus import CorpusStore
    from synthdata.settings import Settings
    from synthdata.settings.reading import shipped
    from synthdata.settings.renamed import RENAMED, old_names

    if config is not None:
        config = shipped(config)
        settings = Settings.from_toml(config)
        for old in old_names(tomllib.loads(config.read_text(encoding="utf-8"))):
            _note_renamed(str(config), old, RENAMED[old])
    elif corpus is not None:
        settings = Settings.from_dict(CorpusStore.open(corpus).settings, where=str(corpus))
    else:
        settings = Settings()
    for override in overrides or []:
        name, equals, text = override.partition("=")
        if not equals:
            raise SettingsError(f"--set {override}: write KEY=VALUE, such as recipe.gate.tau=0.93")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        if name.strip() in RENAMED:
            _note_renamed(f"--set {override}", name.strip(), RENAMED[name.strip()])
        settings = settings.with_value(name.strip(), value)
    return settings


def _note_renamed(where: str, old: str, new: str) -> None:
    sys.stderr.write(f"synthdata: {where}: `{old}` is called `{new}` now; the old name goes with version 0.3\n")


def show_reading(reading: Reading) -> None:
    """Say how rows were read, and what was not read."""
    for line in reading.lines():
        say(line)


def show_round(report: RoundReport, corpus: Path, as_json: bool, read: dict[str, Any] | None = None) -> None:
    """Print the outcome of a round and leave with exit code 1 where it raised an alarm."""
    from synthdata.monitor.starved import starved_by

    if as_json:
        emit_json(
            {"round": report.round, "already_decided": report.already_decided, "repeated": report.repeated}
            | {"counts": report.counts, "rejected": report.reasons, "before": report.before, "after": report.after}
            | {"alarm": report.alarm}
            | ({} if read is None else {"read": read})
        )
    elif report.repeated:
        say(
            f"already round {report.round}: all {report.already_decided} candidates keep their verdicts, nothing is new"
        )
    else:
        _show_counts(report)
        advice = starved_by(report.reasons, report.counts["admit"])
        if advice:
            say(f"The round starved: {advice}")
        refused = f"`synthdata explain {corpus}` shows what was refused, " if report.reasons else ""
        say(f"Next: {refused}`synthdata status {corpus}` how the corpus stands.")
    if report.alarm:
        say(f"alarm: {report.alarm}")
        raise typer.Exit(1)


def _show_counts(report: RoundReport) -> None:
    counts = report.counts
    rows: list[tuple[str, str, int]] = [("admitted", "", counts["admit"])]
    rows += [("refused", reason_name(reason), n) for reason, n in report.reasons.items()]
    rows += [("unreadable", "", counts["quarantine"])] if counts["quarantine"] else []
    rows += [("already decided", "", report.already_decided)] if report.already_decided else []
    total = sum(n for _, _, n in rows)
    table(f"round {report.round}: {total} candidates", ["verdict", "reason", "rows"], rows)
    names = [name for name in ("rows", "n2", "vendi_1", "cell_hill_1", "distinct_3") if name in report.after]
    if names:
        lines = [(metric_name(name), report.before.get(name), report.after[name]) for name in names]
        table("diversity of everything admitted", ["metric", "before", "after"], lines)
