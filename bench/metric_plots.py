"""Writes the figures and the plots of docs/metrics.md: every metric on a healthy and on a collapsed set.

Each plot has two panels: what the metric says as kinds are lost, and how it depends on the size of either set. The
sets are seeded, so the same versions give the same files. CLINC150's columns stay as they are where it is not given.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure
from metric_sets import KEPT, KINDS, Sample, clinc, mixture, mixtures

import metrics

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
PLOTS = PAGE.parent / "metrics"
KINDS_LEFT = (40, 30, 20, 14, 10, 7, 4, 2, 1)
SIZES = (50, 100, 200, 400, 800, 1600)
# One plot each; what is drawn beside each other is read beside each other.
DRAWN = {
    "shannon_entropy": "Shannon entropy of the kinds, nats",
    "hill_number": "Hill number of the kinds, q = 1",
    "jensen_shannon": "Jensen-Shannon to the reference, nats",
    "distinct_n": "distinct-2",
    "ngram_entropy": "bigram entropy, nats",
    "compression_ratio": "compression ratio",
    "self_repetition": "self-repetition, 4-grams",
    "vendi_score": "Vendi score, q = 1",
    "collision_probability": "collision probability",
    "effective_number": "effective number N2",
    "coverage": "coverage (PRDC)",
    "precision": "precision (PRDC)",
    "coverage_radius": "coverage radius, 95th percentile",
    "tail_coverage": "tail coverage",
    "mmd2": "squared MMD to the reference",
}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "metrics",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def figures(reference: Sample, x: Sample) -> dict[str, float]:
    """Every metric of x, by name; those that compare, against the reference."""
    return {
        "shannon_entropy": metrics.shannon_entropy(x.counts),
        "hill_number": metrics.hill_number(x.counts, 1),
        "jensen_shannon": metrics.jensen_shannon(reference.counts, x.counts),
        "distinct_n": metrics.distinct_n(x.texts, 2),
        "ngram_entropy": metrics.ngram_entropy(x.texts, 2),
        "compression_ratio": metrics.compression_ratio([" ".join(text) for text in x.texts]),
        "self_repetition": metrics.self_repetition(x.texts),
        "vendi_score": metrics.vendi_score(x.rows),
        "collision_probability": metrics.collision_probability(x.rows),
        "effective_number": metrics.effective_number(x.rows),
        **metrics.prdc(reference.rows, x.rows),
        "coverage_radius": metrics.coverage_radius(reference.rows, x.rows),
        "tail_coverage": metrics.tail_coverage(reference.texts, x.texts),
        "mmd2": metrics.mmd2(reference.rows, x.rows),
    }


Curves = dict[str, list[dict[str, float]]]


def curves() -> Curves:
    """Figures along the loss of kinds at 1,000 rows, and along the size for the healthy and the collapsed mixture."""
    reference = mixture(1000, KINDS, 1)
    return {
        "kinds": [figures(reference, mixture(1000, kinds, 5)) for kinds in KINDS_LEFT],
        "healthy": [figures(reference, mixture(n, KINDS, 6)) for n in SIZES],
        "collapsed": [figures(reference, mixture(n, KEPT, 6)) for n in SIZES],
    }


def describe(name: str, found: Curves) -> str:
    """What the plot shows, in words and numbers, for those who do not see it."""
    values = {side: ", ".join(f"{point[name]:.3g}" for point in points) for side, points in found.items()}
    return (
        f"Left: {values['kinds']} for {', '.join(map(str, KINDS_LEFT))} kinds of 40 left among 1,000 rows. Right, for "
        f"{', '.join(map(str, SIZES))} rows: healthy (40 kinds) {values['healthy']}; "
        f"collapsed (4 kinds) {values['collapsed']}."
    )


def plot(name: str, found: Curves) -> str:
    """One SVG with its title and description; the same bytes for the same figures."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 2.5), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(KINDS_LEFT, [point[name] for point in found["kinds"]], "o-", color="#333333", markersize=4)
        left.set(xlabel="kinds left of 40 (1,000 rows)", xlim=(41.5, -0.5))
        left.set_title(DRAWN[name], loc="left", fontsize=9)
        right.plot(SIZES, [point[name] for point in found["healthy"]], "o-", color="#0072b2", markersize=4)
        right.plot(SIZES, [point[name] for point in found["collapsed"]], "s--", color="#d55e00", markersize=4)
        right.set(xlabel="rows", xscale="log", xticks=SIZES, xticklabels=SIZES)
        right.minorticks_off()
        right.legend(["healthy, 40 kinds", "collapsed, 4 kinds"], frameon=False, fontsize=8)
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    head = f'<title id="t">{escape(DRAWN[name])}</title>\n<desc id="d">{escape(describe(name, found))}</desc>\n'
    text = re.sub(r" *<metadata>.*?</metadata>\n", "", target.getvalue(), flags=re.DOTALL)
    text = re.sub(r"(<svg )([^>]*>\n)", rf'\1role="img" aria-labelledby="t d" \2{head}', text, count=1)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def cells(reference: Sample, healthy: Sample, collapsed: Sample) -> dict[str, list[str]]:
    """Two table cells a metric: its value on the healthy and on the collapsed set, to four digits."""
    sides = figures(reference, healthy), figures(reference, collapsed)
    return {name: [f"{side[name]:.4g}" for side in sides] for name in sides[0]}


def rewrite(page: str, columns: Sequence[dict[str, list[str]] | None]) -> str:
    """The page with the figures replaced in its table rows of a metric and two cells a column; None leaves them."""

    def line(match: re.Match[str]) -> str:
        old = [cell.strip() for cell in match[2].strip("|").split("|")]
        for i, column in enumerate(columns):
            if column is not None:
                old[2 * i : 2 * i + 2] = column[match[1]]
        return f"| `{match[1]}` | {' | '.join(old)} |"

    return re.sub(r"^\| `(\w+)` \|((?: [^|\n]* \|){4})$", line, page, flags=re.MULTILINE)


def main(folder: Path | None) -> None:
    """Write the plots and the figures; `folder` holds CLINC150 as its authors publish it, data_full.json gzipped."""
    real = cells(*clinc(folder)) if folder else None
    PAGE.write_text(rewrite(PAGE.read_text(encoding="utf-8"), [cells(*mixtures()), real]), encoding="utf-8")
    found = curves()
    PLOTS.mkdir(exist_ok=True)
    for name in DRAWN:
        (PLOTS / f"{name}.svg").write_text(plot(name, found), encoding="utf-8")
    print(f"{len(DRAWN)} plots in {PLOTS.name}/, figures in {PAGE.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
