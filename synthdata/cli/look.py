"""`inspect`: a report of any file, on the terminal, as JSON or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthdata.cli.options import AsJson, Config, Map, Online, Overrides
from synthdata.errors import InputError
from synthdata.text.display import beginning
from synthdata.text.names import level_name, metric_name
from synthdata.text.numbers import number, percent
from synthdata.text.terminal import emit_json, note, say, table

if TYPE_CHECKING:
    from synthdata.inspection import Inspection
    from synthdata.inspection.semantic import Figure

_SHORT = 160


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(inspect)


def inspect(
    file: Annotated[Path, typer.Argument(help="A data set in any known shape, or agent logs: a file or a folder.")],
    reference: Annotated[Path | None, typer.Option(help="Real data to compare with.")] = None,
    mapping: Map = None,
    field: Annotated[list[str] | None, typer.Option(hidden=True, help="Older spelling of --map content=...")] = None,
    online: Online = False,
    html: Annotated[Path | None, typer.Option(help="Also write the report as one self-contained page.")] = None,
    keep_preamble: Annotated[
        bool, typer.Option("--keep-preamble", help="Leave in place a beginning that most texts share.")
    ] = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """How diverse is a file? Needs no corpus.

    A report with a verdict, copies at three levels, entropy, Vendi score, the number of distinct contents (N2) and the
    share of the reference that is covered. `synthdata docs n2` says what a word of it means.
    """
    from dataclasses import asdict

    from synthdata.cli.decide import load_settings
    from synthdata.generation.weights import cache_folder
    from synthdata.inspection import Question, inspect_file
    from synthdata.inspection.page import page
    from synthdata.similarity.encoder import make_encoder
    from synthdata.sources import parse_map
    from synthdata.sources.hub import local_path
    from synthdata.text.terminal import progress

    if html is not None and not html.absolute().parent.is_dir():
        raise InputError(f"{html}: there is no folder {html.parent} to write the page to; make it first")
    settings = load_settings(config, overrides)
    # Encoding is most of the time: a second look at a file, say for its page, costs none of it.
    cache = Path(settings.runtime.cache_dir or cache_folder()) / "vectors"
    encoder = make_encoder(settings.recipe.encoder, settings.runtime, cache)
    if field:
        note(f"synthdata: --field is called --map now: --map content={'+'.join(field)}; the old name goes with 0.3")
    beside = None if reference is None else local_path(reference, online)
    question = Question(local_path(file, online), beside, parse_map(mapping, field or ()), not keep_preamble)
    report = inspect_file(question, settings, encoder, progress)
    if html is not None:
        _write(html, page(report))
    if as_json:
        emit_json(asdict(report))
        return
    _show(report)
    if html is not None:
        say(f"the page: {html}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: the page cannot be written: {error.strerror or error}") from error


def _show(report: Inspection) -> None:
    for line in report.verdict:
        say(line)
    unread = sum(fault.rows for fault in report.unreadable)
    length = report.lengths
    say(
        f"{report.file}: {report.rows:,} texts, {unread:,} rows that cannot be used; half of them have up to "
        f"{length.median:,.0f} words, nine of ten {length.p5:,.0f} to {length.p95:,.0f}"
    )
    say("text: " + "; ".join(f"{name} ({rows:,} rows)" for name, rows in report.fields.items()))
    for line in report.notes:
        say(line)
    if report.preamble:
        say(f"cut from {percent(report.preamble_share)} of the texts: a shared preamble such as "
            f"{beginning(report.preamble, _SHORT)!r} (--keep-preamble leaves it)")  # fmt: skip
    for fault in report.unreadable[:5]:
        say(f"left out: {fault.rows:,} rows: {fault.reason}; the first: {fault.first}")
    _show_levels(report)
    rows = [
        (metric_name(name), _value(figure), _interval(figure), f"{figure.rows:,}", figure.note)
        for name, figure in report.figures.items()
    ]
    table("figures", ["metric", "value", "interval", "rows", "note"], rows)
    _show_beside(report)


def _show_levels(report: Inspection) -> None:
    rows = [
        (
            level_name(name),
            level.rows,
            level.of,
            percent(level.share),
            "" if level.low is None else f"{percent(level.low)} to {percent(level.high)}",
        )
        for name, level in report.levels.items()
    ]
    table("rows that repeat an earlier row", ["level", "rows", "of", "share", "interval"], rows)
    clusters = [
        (level_name(name), c.rows, c.row, beginning(c.text, _SHORT))
        for name, level in report.levels.items()
        for c in level.clusters[:3]
    ]
    if clusters:
        table("largest clusters", ["level", "rows", "first", "text"], clusters)
    examples = [
        (level_name(name), e.score, _shown(e.row, e.text), _shown(e.repeats_row, e.repeats))
        for name, level in report.levels.items()
        for e in level.examples
    ]
    if examples:
        table("examples", ["level", "score", "text", "repeats"], examples)


def _shown(row: str, text: str) -> str:
    return f"{row}: {beginning(text, _SHORT)}"


def _show_beside(report: Inspection) -> None:
    beside = report.beside
    if beside is None:
        return
    rows = [
        (metric_name(name), _value(figure), _interval(figure), figure.note) for name, figure in beside.figures.items()
    ]
    title = f"beside {report.reference} ({beside.rows:,} rows), at {beside.size} rows each"
    table(title, ["metric", "file", "where real text lies", "note"], rows)
    if beside.terms:
        shown = ", ".join(f"{term.term} ({percent(term.reference_share)})" for term in beside.terms)
        say(f"terms typical of the reference that no row of the file has (share of its rows): {shown}")
    gaps = [(gap.cosine, gap.row, beginning(gap.text, _SHORT)) for gap in beside.gaps]
    if gaps:
        table("reference texts that the file is farthest from", ["cosine", "row", "text"], gaps)


def _value(figure: Figure) -> str:
    return number(figure.value)


def _interval(figure: Figure) -> str:
    return "" if figure.low is None or figure.high is None else f"{number(figure.low)} to {number(figure.high)}"
