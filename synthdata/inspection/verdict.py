"""The report in plain words, from its numbers and two thresholds of the settings."""

from __future__ import annotations

from collections.abc import Mapping

from synthdata.inspection.beside import Beside
from synthdata.inspection.repeats import Level
from synthdata.inspection.semantic import Figure
from synthdata.settings import InspectSettings

# Where less is worse, in the order in which they are told.
_LESS = {
    "n2": "fewer kinds",
    "coverage": "less of the reference's ground covered",
    "recall": "less recall",
    "tail_coverage": "fewer of its rare words",
    "distinct_3": "fewer different phrases",
}
# What makes a file narrower; a single one of the others may also differ by chance, since ten are looked at.
_GROUND = ("n2", "coverage", "recall")
_ALIKE = "It covers what real text of that size covers, but there is"
_MORE = {"mmd2": "another mix of topics", "compression_ratio": "more repetitive wording"}


def verdict(
    levels: Mapping[str, Level], figures: Mapping[str, Figure], beside: Beside | None, settings: InspectSettings
) -> list[str]:
    """One to three sentences, the most important first."""
    lines = [_repetition(levels, settings)]
    if beside is not None:
        lines.append(_comparison(beside))
    else:
        lines.append(_kinds(figures["n2"]) + " Whether that is few, only a --reference of real data can tell.")
    return lines


def _repetition(levels: Mapping[str, Level], settings: InspectSettings) -> str:
    exact, near, semantic = levels["exact"], levels["near"], levels["semantic"]
    share = exact.share + near.share + semantic.share
    if share >= settings.many_repeats:
        word = "Repetitive"
    elif share >= settings.some_repeats:
        word = "Partly repetitive"
    else:
        word = "Few repeats"
    parts = [f"{_percent(exact.share)} exactly", f"{_percent(near.share)} nearly"]
    sampled = f" ({_percent(semantic.low)} to {_percent(semantic.high)})" if semantic.low is not None else ""
    parts.append(f"{_percent(semantic.share)}{sampled} in other words")
    return f"{word}: {_percent(share)} of {exact.of:,} rows repeat an earlier one ({', '.join(parts)})."


def _kinds(n2: Figure) -> str:
    if n2.value is None:
        return f"How many kinds there are is not known: {n2.note}."
    between = f" ({_count(n2.low)} to {_count(n2.high)})" if n2.low is not None and n2.high is not None else ""
    return f"By meaning it is as varied as {_count(n2.value)}{between} equally common, unlike kinds would be (N2)."


def _comparison(beside: Beside) -> str:
    placed = {name: figure for name, figure in beside.figures.items() if _known(figure)}
    if not placed:
        note = next((figure.note for figure in beside.figures.values() if figure.note), "too few rows")
        return f"Nothing can be said beside the reference: {note}."
    worse = [text for name, text in _LESS.items() if name in placed and _under(placed[name])]
    worse += [text for name, text in _MORE.items() if name in placed and _over(placed[name])]
    terms = f" {_terms(beside)}" if beside.terms else ""
    if not worse:
        return f"Beside real text of that size nothing is narrower.{terms}"
    head = "Narrower than the reference" if any(_under(placed[name]) for name in _GROUND if name in placed) else _ALIKE
    n2 = placed.get("n2")
    numbers = f" N2 {_count(n2.value)}, real text {_count(n2.low)} to {_count(n2.high)}." if n2 is not None else ""
    return f"{head}: {', '.join(worse)}.{numbers}{terms}"


def _terms(beside: Beside) -> str:
    shown = ", ".join(term.term for term in beside.terms[:5])
    return f"Typical terms that it never uses: {shown}."


def _known(figure: Figure) -> bool:
    return figure.value is not None and figure.low is not None and figure.high is not None


def _under(figure: Figure) -> bool:
    return figure.value is not None and figure.low is not None and figure.value < figure.low


def _over(figure: Figure) -> bool:
    return figure.value is not None and figure.high is not None and figure.value > figure.high


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _percent(share: float | None) -> str:
    value = 100 * (share or 0.0)
    return f"{value:.0f} %" if value >= 10 or value == 0 else f"{value:.2g} %"
