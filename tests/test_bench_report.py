"""The shared way in which benchmarks write docs/benchmarks.md: sections replace themselves and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
from report import PAGE, table, write_section

HEAD = "# Benchmarks\n\nWhat they are.\n"


def test_sections_stand_in_order_of_name_and_replace_only_themselves(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(HEAD)
    for name in ("kill", "client", "walk", "gate"):
        write_section(name, f"About {name}", f"first {name}", page)
    once = page.read_text()
    assert once.startswith(HEAD)
    assert [line for line in once.splitlines() if line.startswith("## ")] == [
        "## About client", "## About gate", "## About kill", "## About walk",
    ]  # fmt: skip
    write_section("gate", "About gate", "first gate", page)
    assert page.read_text() == once
    write_section("kill", "Kills", "second\n\nlonger", page)
    assert page.read_text() == once.replace("## About kill\n\nfirst kill", "## Kills\n\nsecond\n\nlonger")


def test_a_lost_marker_is_refused_and_nothing_is_written(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(HEAD)
    write_section("gate", "Gate", "text", page)
    broken = page.read_text().replace("<!-- end: gate -->", "")
    page.write_text(broken)
    with pytest.raises(ValueError, match="gate"):
        write_section("gate", "Gate", "other", page)
    assert page.read_text() == broken


def test_a_table_puts_numbers_right():
    assert table(["who", "n", "share"], [("a", 3, 0.123456), ("b", 40, 12345.6)]) == (
        "| who | n | share |\n| --- | ---: | ---: |\n| a | 3 | 0.1235 |\n| b | 40 | 12,346 |"
    )


def test_every_section_of_the_page_has_both_markers():
    text = PAGE.read_text(encoding="utf-8")
    names = [line[len("<!-- bench: ") : -len(" -->")] for line in text.splitlines() if line.startswith("<!-- bench: ")]
    assert names == sorted(set(names))
    assert all(text.count(f"<!-- end: {name} -->") == 1 for name in names)
