"""The report as one self-contained page: no script, no outside request, all text of the file escaped.

Its content policy forbids both anyway. Light or dark as the reader's system is; a table stands beside each picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from synthdata.drawing import STYLE, Bar, Range, bars, histogram, ranges
from synthdata.inspection import Inspection
from synthdata.inspection.beside import Beside
from synthdata.inspection.semantic import Figure
from synthdata.text.names import level_name, metric_name
from synthdata.text.numbers import number, percent
from synthdata.text.redaction import redacted
from synthdata.text.unicode import replace_unprintable

_CHARS = 300
_STYLE = (
    STYLE
    + """
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--card);max-width:64rem;margin:auto;
padding:1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.15rem;margin-top:2.2rem;border-bottom:1px solid var(--line)}
.lead{font-size:1.15rem;font-weight:600}.soft{color:var(--soft)}
.pair{display:flex;flex-wrap:wrap;gap:1.5rem;align-items:flex-start}.pair>*{flex:1 1 20rem;min-width:0}
.pair .chart{max-width:36rem}
.scroll{overflow:auto;max-height:24rem;margin-bottom:1rem}.pair .scroll{max-height:20rem}.text{min-width:13rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
pre,.text{white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.4 ui-monospace,monospace;margin:0}
"""
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(report: Inspection) -> str:
    """The whole document."""
    title = f"{report.file}: how diverse is it?"
    parts = [
        *_head(report),
        _repeats(report),
        _lengths(report),
        _meaning(report),
        _figures(report),
        "" if report.beside is None else _beside(report.beside, report.reference or ""),
        _unreadable(report),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def _head(report: Inspection) -> list[str]:
    first, *rest = report.verdict
    fields = "; ".join(f"{name} ({rows:,} rows)" for name, rows in report.fields.items())
    unread = sum(fault.rows for fault in report.unreadable)
    parts = [f"<h1>{_safe(report.file)}</h1>", f'<p class="lead">{_safe(first)}</p>']
    parts += [f"<p>{_safe(line)}</p>" for line in rest]
    parts.append(
        f'<p class="soft">{report.rows:,} texts, {unread:,} rows that cannot be used. Looked at: {_safe(fields)}. '
        f"Meaning comes from {report.sampled:,} of the texts.</p>"
    )
    if report.preamble:
        parts.append(
            f"<details><summary>A shared preamble was cut from {percent(report.preamble_share)} of the texts</summary>"
            f"<pre>{_safe(report.preamble[:2000])}</pre></details>"
        )
    return parts


def _repeats(report: Inspection) -> str:
    shares = [Bar(level_name(name), level.share, words=percent(level.share)) for name, level in report.levels.items()]
    picture = bars("Rows that repeat an earlier row", shares).inline("repeats")
    rows = [
        (level_name(name), level.rows, level.of, percent(level.share), _bounds(level.low, level.high))
        for name, level in report.levels.items()
    ]
    numbers = _table(
        "each row on the first level that it falls under", ("level", "rows", "of", "share", "interval"), rows
    )
    clusters = [
        (level_name(name), c.rows, c.row, c.text[:_CHARS])
        for name, level in report.levels.items()
        for c in level.clusters
    ]
    examples = [
        (level_name(name), e.score, f"{e.row}\n{e.text[:_CHARS]}", f"{e.repeats_row}\n{e.repeats[:_CHARS]}")
        for name, level in report.levels.items()
        for e in level.examples
    ]
    return (
        f"<h2>Repeats</h2>{_pair(picture, numbers)}"
        + _table("largest clusters", ("level", "rows", "first", "its text"), clusters)
        + _table("examples", ("level", "score", "row", "repeats"), examples)
    )


def _lengths(report: Inspection) -> str:
    length = report.lengths
    picture = histogram("Words a text", length.edges, length.counts, "words (the longest 1 % in the last bar)").inline(
        "lengths"
    )
    rows = [
        ("least", length.least), ("5 %", length.p5), ("median", length.median), ("95 %", length.p95),
        ("most", length.most),
    ]  # fmt: skip
    table = _table("words a text", ("of the texts", "words"), rows) + _bins(length.edges, length.counts, "words")
    return f"<h2>Lengths</h2>{_pair(picture, table)}"


def _meaning(report: Inspection) -> str:
    what = "cosine to the nearest other text"
    picture = histogram("How near the nearest other text is", report.nearest_edges, report.nearest, what).inline(
        "nearest"
    )
    note = '<p class="soft">A heap at the right end: most texts have one that says nearly the same.</p>'
    return f"<h2>Meaning</h2>{_pair(picture + note, _bins(report.nearest_edges, report.nearest, what))}"


def _figures(report: Inspection) -> str:
    bounded = _ranges({name: figure for name, figure in report.figures.items() if figure.low is not None})
    picture = ranges("Numbers with their intervals", bounded).inline("numbers")
    rows = [
        (metric_name(name), number(figure.value), _bounds(figure.low, figure.high), f"{figure.rows:,}", figure.note)
        for name, figure in report.figures.items()
    ]
    table = _table("all numbers", ("metric", "value", "interval", "rows", "note"), rows)
    return f"<h2>Numbers</h2>{_pair(picture, table) if bounded else table}"


def _beside(beside: Beside, name: str) -> str:
    bounded = _ranges(beside.figures)
    picture = ranges(f"Beside {name}: band is real text, dot is the file", bounded).inline("beside")
    rows = [
        (metric_name(metric), number(figure.value), _bounds(figure.low, figure.high), figure.note)
        for metric, figure in beside.figures.items()
    ]
    caption = f"{beside.size} rows of the file beside as many of {beside.rows:,}"
    table = _table(caption, ("metric", "file", "where real text lies", "note"), rows)
    parts = [f"<h2>Beside {_safe(name)}</h2>", _pair(picture, table) if bounded else table]
    if beside.terms:
        top = beside.terms[:12]
        shares = [Bar(term.term, term.reference_share, words=percent(term.reference_share)) for term in top]
        picture = bars("Typical terms that the file lacks", shares).inline("terms")
        terms = [(term.term, term.reference_rows, percent(term.reference_share)) for term in beside.terms]
        table = _table("terms of the reference that no row has", ("term", "reference rows", "share"), terms)
        parts.append(_pair(picture, table))
    gaps = [(gap.cosine, gap.row, gap.text[:_CHARS]) for gap in beside.gaps]
    parts.append(_table("reference texts that the file is farthest from", ("cosine", "row", "text"), gaps))
    return "".join(parts)


def _unreadable(report: Inspection) -> str:
    rows = [(fault.rows, fault.reason, fault.first) for fault in report.unreadable]
    table = _table("rows that were left out", ("rows", "reason", "the first"), rows)
    return f"<h2>Left out</h2>{table}" if rows else ""


def _ranges(figures: Mapping[str, Figure]) -> list[Range]:
    """Those that have a value and an interval."""
    return [
        Range(metric_name(name), figure.value, figure.low, figure.high)
        for name, figure in figures.items()
        if figure.value is not None and figure.low is not None and figure.high is not None
    ]


def _bins(edges: Sequence[float], counts: Sequence[int], what: str) -> str:
    rows = [(f"{low:.3g} to {high:.3g}", n) for low, high, n in zip(edges, edges[1:], counts, strict=False)]
    return _table("the picture in numbers", (what, "texts"), rows)


def _pair(picture: str, table: str) -> str:
    return f'<div class="pair"><div>{picture}</div><div>{table}</div></div>'


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    head = "".join(
        f'<th scope="col"{" class=n" if right else ""}>{_safe(column)}</th>'
        for column, right in zip(columns, numeric, strict=True)
    )
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    title = _safe(caption)
    return (
        f'<div class="scroll" role="region" aria-label="{title}" tabindex="0"><table><caption>{title}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: object) -> str:
    if isinstance(value, int | float):
        return f'<td class="n">{number(value)}</td>'
    text = str(value)
    return f'<td class="text">{_safe(text)}</td>' if len(text) > 40 else f"<td>{_safe(text)}</td>"


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def _safe(text: str) -> str:
    """Escaped, and without characters that cannot be seen or that turn the order of others around."""
    return escape(replace_unprintable(redacted(text), keep="\n"))
