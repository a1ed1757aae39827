"""docs/metrics.md shows what its script computes: figures of both sets, plots with their descriptions, every metric."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import metrics

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from metric_plots import DRAWN, PAGE, PLOTS, curves, describe, figures, plot, rewrite
from metric_sets import clinc, mixture, mixtures

TEXT = PAGE.read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def written() -> dict[str, list[float]]:
    """Metric to its four numbers on the page: mixture and CLINC150, healthy and collapsed."""
    rows = re.findall(r"^\| `(\w+)` \|((?: [^|\n]* \|){4})$", TEXT, flags=re.MULTILINE)
    return {name: [float(cell) for cell in cells.strip(" |").split("|")] for name, cells in rows}


@pytest.fixture(scope="module")
def found():
    return curves()


def test_every_public_name_has_a_section():
    assert set(re.findall(r"^## (\w+)$", TEXT, flags=re.MULTILINE)) == set(metrics.__all__)


def assert_written(columns, reference, healthy, collapsed):
    sides = figures(reference, healthy), figures(reference, collapsed)
    assert set(written()) == set(sides[0])
    for name, numbers in written().items():
        # Four digits are written; the last bits of vectors differ between machines.
        expected = [side[name] for side in sides]
        assert numbers[columns] == pytest.approx(expected, rel=2e-3, abs=1e-5), name


def test_figures_of_the_mixture_are_what_the_script_computes():
    assert_written(slice(0, 2), *mixtures())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_figures_of_clinc150_are_what_the_script_computes(shared_data):
    assert_written(slice(2, 4), *clinc(shared_data / "dup-clinc150"))


def test_each_plot_tells_in_words_what_the_script_computes(found):
    assert {path.stem for path in PLOTS.glob("*.svg")} == set(DRAWN)
    assert set(re.findall(r"\]\(metrics/(\w+)\.svg\)", TEXT)) == set(DRAWN)
    for name, title in DRAWN.items():
        root = ElementTree.parse(PLOTS / f"{name}.svg").getroot()
        space = root.tag.removesuffix("svg")
        assert root.findtext(f"{space}title") == title
        told, computed = root.findtext(f"{space}desc"), describe(name, found)
        assert NUMBER.sub("", told) == NUMBER.sub("", computed)
        numbers = [[float(n) for n in NUMBER.findall(text.replace(",", ""))] for text in (told, computed)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.01, abs=1e-4), name
        assert (PLOTS / f"{name}.svg").stat().st_size < 40_000


def test_a_plot_is_the_same_bytes_each_time(found):
    assert plot("effective_number", found) == plot("effective_number", found)


def test_a_mixture_is_the_same_each_time_and_knows_its_kinds():
    first, second = mixture(200, 4, 7), mixture(200, 4, 7)
    assert (first.rows == second.rows).all() and first.texts == second.texts
    assert first.counts[4:].sum() == 0 and first.counts.sum() == 200


def test_rewriting_replaces_its_columns_and_nothing_else():
    page = "| `mmd2` | 1 | 2 | 3 | 4 |\ntext | `mmd2` | 5 |\n"
    assert rewrite(page, [{"mmd2": ["a", "b"]}, None]) == "| `mmd2` | a | b | 3 | 4 |\ntext | `mmd2` | 5 |\n"
    assert rewrite(page, [None, {"mmd2": ["c", "d"]}]) == "| `mmd2` | 1 | 2 | c | d |\ntext | `mmd2` | 5 |\n"
    assert rewrite(TEXT, [None, None]) == TEXT
