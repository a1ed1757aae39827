"""Tables and sentences on a terminal: nothing is cut, whatever the width."""

from __future__ import annotations

import pytest

from synthdata.text.display import beginning
from synthdata.text.numbers import counted
from synthdata.text.terminal import table

VIEWS = ["metric", "what came in", "admitted this round", "whole corpus", "real text set aside"]
NUMBERS = [
    ("Distinct contents (N2)", "56.58 -", "77.71", "77.71", "77.9"),
    ("Drift", "0.005107 +", "0.00005", "0.0001478", "-0.003601 to 0.003906"),
    ("Outside the reference", "0", "-", "-", "0"),
]


def drawn(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line[:1] in "┏┃┡│└"]


def cells(lines: list[str]) -> list[str]:
    return [cell.strip() for line in lines for cell in line.replace("┃", "│").split("│")]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_number_and_no_word_is_cut(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    table("diversity", VIEWS, NUMBERS)
    lines = drawn(capsys)
    assert {len(line) for line in lines} <= set(range(width + 1))
    assert {number for _, *row in NUMBERS for number in row} <= set(cells(lines))
    words = {word for cell in cells(lines) for word in cell.split()}
    assert {word for text in [*VIEWS, *(row[0] for row in NUMBERS)] for word in text.split()} <= words


def test_texts_make_room_for_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    table("examples", ["level", "score", "text", "repeats"], [("Paraphrase", 0.9644, "word " * 30, "other " * 30)])
    lines = drawn(capsys)
    assert max(map(len, lines)) == 60 and "Paraphrase" in cells(lines) and "0.9644" in cells(lines)
    body = cells([line for line in lines if line[0] == "│"])
    assert {word for cell in body for word in cell.split()} == {"word", "other", "Paraphrase", "0.9644"}


def test_where_nothing_fits_all_characters_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    table("numbers", VIEWS, NUMBERS)
    lines = drawn(capsys)
    assert max(map(len, lines)) <= 30
    columns = list(zip(*(line.replace("┃", "│").split("│")[1:-1] for line in lines if line[0] in "┃│"), strict=True))
    assert "0.005107+" in "".join("".join(columns[1]).split())


def test_a_column_without_anything_in_it_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    table("first round", ["metric", "before", "after"], [("Rows", None, 156), ("Vendi score", "", 43.2)])
    lines = drawn(capsys)
    assert "before" not in cells(lines) and {"metric", "after", "43.2"} <= set(cells(lines))


def test_a_title_is_not_as_narrow_as_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    table("export /a/path/that/is/longer/than/the/table", ["kind", "rows"], [("sft", 1)])
    assert capsys.readouterr().out.splitlines()[0] == "export /a/path/that/is/longer/than/the/table"


def test_an_empty_table_keeps_its_headings(capsys: pytest.CaptureFixture[str]) -> None:
    table("nothing", ["metric", "after"], [])
    assert {"metric", "after"} <= set(cells(drawn(capsys)))


def test_a_beginning_ends_with_a_whole_word() -> None:
    assert beginning("all of it", 9) == "all of it"
    assert beginning("all of it and more", 9) == "all of it …"
    assert beginning("all of it and more", 8) == "all of …"
    assert beginning("x" * 20, 5) == "xxxxx …"


def test_one_thing_is_no_plural() -> None:
    assert (counted(1, "row"), counted(0, "row"), counted(12_345, "row")) == ("1 row", "0 rows", "12,345 rows")
