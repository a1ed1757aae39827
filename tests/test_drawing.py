"""Pictures: well formed whatever they show, the same inside a page and alone, and nothing in them runs or loads."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from synthdata.consolidation.curve import draw as loss_curve
from synthdata.consolidation.night_curve import draw as night_curve
from synthdata.drawing import (
    STYLE,
    Bar,
    Drawing,
    Point,
    Range,
    Spot,
    bars,
    bullet,
    columns,
    histogram,
    pair_of_histograms,
    ranges,
    round_steps,
    scatter,
    shown_rounds,
    trend,
)
from synthdata.notebook.html import picture
from synthdata.text.numbers import number, percent, signed

values = st.one_of(st.none(), st.floats(-1e9, 1e9))
titles = st.text(st.characters(codec="utf-8", min_codepoint=32), max_size=60)
# Characters that HTML takes and XML does not.
NOT_XML = r"[\x7f-\x9f\ufffe\uffff]"


def well_formed(svg: str) -> ET.Element:
    return ET.fromstring(re.sub(NOT_XML, "", svg))


def every(title: str) -> list[Drawing | None]:
    point = Point(3, 2.0, 1.0, 4.0)
    return [
        bars(title, [Bar("<b>", 0), Bar(title, 3), Bar("less", -1), Bar("share", 0.2, words="20 %")]),
        columns(title, [(1, [Bar("<b>", 0)]), (2, [Bar(title, 3), Bar("b", 2)])]),
        histogram(title, [0.0, 0.5, 1.0], [3, 0], "<b>"),
        pair_of_histograms(title, [0.0, 1.0, 2.0], [0.25, 0.75], [0.0, 1.0]),
        pair_of_histograms(title, range(3), [0.25, 0.75], [0.0, 1.0], ["<b>", title]),
        ranges(title, [Range("<b>" * 20, 3.0, 1.0, 2.0), Range("in", 1.5, 1.0, 2.0)]),
        scatter(title, title, [("", [[0.0, 0.5]])], [Spot(0, 0, 1, "", "<b>", "/x?a=1&b=2", "<b>")]),
        trend(title, [Point(1, 1.0, 0.5, 2.0), Point(2, None), point]),
        bullet(title, point, 1.5),
    ]


@given(titles)
def test_every_picture_is_well_formed_inside_a_page_and_alone(title):
    for drawing in every(title):
        assert drawing is not None
        inside, alone = drawing.inline("key"), drawing.alone("<b> note")
        for svg in (inside, alone):
            root = well_formed(svg)
            assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
            assert "<b>" not in svg and not re.search(r"<script|\son\w+=|url\(|@import", svg)
        assert 'aria-labelledby="key-title key-desc"' in inside
        # Alone it carries its own colours, and says whose language it is; nothing else is an address.
        assert ".chart {" in alone and ":root" not in alone and alone.count("http") == 1


@given(st.lists(st.tuples(values, values), min_size=1, max_size=12), titles)
@example([(5e-324, None)], "next to nought")
@example([(-5e-324, None)], "next to nought")
def test_a_course_with_holes_is_drawn_as_far_as_it_goes(course, title):
    points = [
        Point(i + 1, v, None if low is None else min(low, 0), None if low is None else max(low, 0))
        for i, (v, low) in enumerate(course)
    ]
    drawing = trend(title, points)
    assert (drawing is None) == all(point.value is None for point in points)
    for made in (drawing, *(bullet(title, point, before) for point in points for before in (None, 1.5))):
        if made is not None:
            body = made.inline("k").partition("</desc>")[2]
            assert "nan" not in body and "inf" not in body


def test_what_was_measured_is_said_in_words_too():
    drawing = trend("N2", [Point(n, float(n), 1.0, 9.0) for n in range(1, 31)])
    assert drawing is not None
    assert drawing.description.startswith("18 earlier rounds, round 19: 19 (real text 1 to 9)")
    outside = ranges("t", [Range("N2", 3.0, 1.0, 2.0)])
    assert outside.description == "N2: 3, outside 1 to 2" and 'class="outside"' in outside.inline("k")
    assert "most, 3, between 0 and 0.5" in histogram("t", [0, 0.5, 1], [3, 0], "x").description


def test_a_circle_that_leads_somewhere_makes_the_map_a_group_of_links():
    spot = Spot(0, 0, 1, "", "label", "/explorer?cell=3", "Rows of cell 3")
    assert 'role="group"' in scatter("t", "d", [], [spot]).inline("k")
    assert 'role="img"' in scatter("t", "d", [], [Spot(0, 0, 1)]).inline("k")


@pytest.mark.parametrize(("name", "wide", "high"), [("broad", 40, 12), ("narrow", 80, 25)])
def test_labels_of_a_map_do_not_lie_on_each_other(name, wide, high):
    crowd = [Spot(0.02 * n, 1 - 0.03 * n, 0.5, "", f"label {n}") for n in range(12)]
    drawn = scatter("t", "d", [], crowd).inline("k")
    boxes = [(float(x), float(y)) for x, y in re.findall(rf'class="label {name}" x="([\d.]+)" y="([\d.]+)"', drawn)]
    assert 2 <= len(boxes) < len(crowd)
    assert all(abs(a[0] - b[0]) > wide or abs(a[1] - b[1]) >= high for a in boxes for b in boxes if a is not b)
    assert all(x >= 0 and y >= high for x, y in boxes)


def test_the_curves_of_adapters_and_pictures_of_notebooks_are_drawings():
    night = {"before": 0.4, "after": 0.5, "low": 0.02, "high": 0.2}
    made = [loss_curve([3.0, 2.0, 1.5]), loss_curve([]), night_curve([(1, night, True), (2, night, False)])]
    for svg in (*made, picture("a <b>", {"admitted": 3, "worn <i>": 0})):
        well_formed(svg)
        assert 'class="chart' in svg and "<i>" not in svg
    assert "night 2: 0.50, rolled back" in made[2]


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 6))
def test_ticks_are_round_numbers_between_the_bounds(low, span, count):
    high = low + span
    if high == low:
        return
    ticks = round_steps(low, high, count)
    slack = 1e-6 * max(abs(low), abs(high), 1.0)
    assert len(ticks) <= count + 1 and ticks == sorted(ticks)
    assert all(low - slack <= tick <= high + slack for tick in ticks)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_an_axis_names_the_first_and_the_last_round_and_few_between(first, more):
    shown = shown_rounds(first, first + more)
    assert shown[0] == first and shown[-1] == first + more and len(shown) <= 6 and len(set(shown)) == len(shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), (float("nan"), "-"), (60.0, "60"), (88.4612, "88.46"), (12345.0, "12,345"),
        (7.405e-05, "0.000074"), (-0.002183, "-0.002183"), (3e-9, "under 0.000001"),
    ],
)  # fmt: skip
def test_a_number_is_one_that_people_read(value, shown):
    assert number(value) == shown
    assert signed(2.0) == "+2" and signed(-2.0) == "-2" and signed(0.0) == "0" and signed(None, "–") == "–"
    assert percent(0.056) == "5.6 %" and percent(0.5) == "50 %" and percent(None) == "-"


def test_light_and_dark_are_both_in_the_style():
    assert "prefers-color-scheme: dark" in STYLE and "url(" not in STYLE
