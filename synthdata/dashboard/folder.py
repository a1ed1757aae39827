"""The pages as one folder of files that need no server: to attach to a pull request, or to keep."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthdata.corpus.beginning import refuse_no_place
from synthdata.dashboard.compare import compare
from synthdata.dashboard.coverage import drawing
from synthdata.dashboard.distributions import distributions
from synthdata.dashboard.explorer import Search, decision, explorer
from synthdata.dashboard.judges import judges
from synthdata.dashboard.overview import overview
from synthdata.dashboard.reading import Reading
from synthdata.dashboard.releases import history
from synthdata.dashboard.rounds import rounds
from synthdata.dashboard.site import ASSETS, PAGES, render
from synthdata.drawing import STYLE
from synthdata.errors import InputError
from synthdata.monitor.tally import total
from synthdata.pictures.encode import thumbnail
from synthdata.protocols import Advance, no_advance

# Scripts ask a server for news; a folder has none.
_ASSETS = ("style.css", "icon.svg")
# What a browser takes as an id of ours in the name of a file.
_PLAIN = re.compile(r"[0-9a-z_]+")


@dataclass
class Plan:
    """Which files there will be, by name: links lead to these alone."""

    files: set[str] = field(default_factory=set)

    def link(self, page: str, /, **given: object) -> str:
        """The file of a page with its parameters; empty where the folder does not hold it."""
        if page == "asset":
            return f"assets/{given['name']}"
        if page == "picture":
            name = f"pictures/{str(given['name']).partition('.')[0]}.png"
            return name if name in self.files else ""
        name = file_name(page, **given)
        return name if name in self.files else ""


def file_name(page: str, /, **given: object) -> str:
    """The name of a page's file; empty parameters say nothing. Nothing of a log enters a name."""
    parts = [str(value) for value in given.values() if value not in ("", None)]
    if not all(_PLAIN.fullmatch(part) for part in parts):
        return ""
    stem = "index" if page == "overview" else page
    return "-".join([stem, *parts]) + ".html"


def write_folder(reading: Reading, out: Path, progress: Advance = no_advance) -> int:
    """Write all pages, each round, each reason's first decisions and the pages of these; how many files.

    `progress` hears of each page.

    Raises:
        InputError: the folder cannot be made or written, or holds something already.
    """
    refuse_no_place(out)
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is there already; name a new or an empty folder")
    reasons = ["", *sorted(total(reading.tally, "reason"))]
    lists = {reason: explorer(reading, Search(reason=reason)) for reason in reasons}
    names = sorted({row["id"] for listed in lists.values() for row in listed["rows"]})
    plan = Plan({file_name(page) for page in PAGES})
    plan.files |= {file_name("rounds", round=number) for number in reading.rounds["round"]}
    plan.files |= {file_name("explorer", reason=reason) for reason in reasons}
    plan.files |= {file_name("decision", name=name) for name in names}
    decisions = {name: decision(reading, name) for name in names}
    plan.files |= _pictures(reading, out, decisions.values())
    (out / "assets").mkdir(parents=True, exist_ok=True)
    for asset in _ASSETS:
        shutil.copyfile(ASSETS / asset, out / "assets" / asset)
    (out / "assets" / "chart.css").write_text(STYLE, encoding="utf-8")
    for file, template, page, context in _pages(reading, lists, decisions):
        text = render(template, reading, plan.link, False, context | {"page": page})
        (out / file).write_text(text, encoding="utf-8")
        progress(1)
    return sum(path.is_file() for path in out.rglob("*"))


def _pictures(reading: Reading, out: Path, decisions: Iterable[dict[str, Any]]) -> set[str]:
    """Write a thumbnail of every picture of the decisions' pages; the files."""
    names = {p["name"] for shown in decisions for p in shown["facts"]["pictures"] if p["file"]}
    made = {f"pictures/{name.partition('.')[0]}.png": name for name in sorted(names)}
    for file, name in made.items():
        (out / "pictures").mkdir(parents=True, exist_ok=True)
        (out / file).write_bytes(thumbnail(reading.store.pictures.read(name)))
    return set(made)


def _quiet(shown: dict[str, Any]) -> dict[str, Any]:
    """A decision's page without verdicts of people: a folder is passed on, and takes none."""
    return shown | {"verdicts": {}, "form": None}


def _pages(
    reading: Reading, lists: dict[str, dict[str, Any]], decisions: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """File, template, page of the navigation and context of every file."""
    yield file_name("overview"), "overview", "overview", overview(reading)
    yield file_name("rounds"), "rounds", "rounds", rounds(reading, None)
    yield file_name("compare"), "compare", "compare", compare(reading)
    for number in reading.rounds["round"]:
        yield file_name("rounds", round=number), "rounds", "rounds", rounds(reading, number)
    yield (
        file_name("coverage"),
        "coverage",
        "coverage",
        drawing(reading.map) | {"distributions": distributions(reading)},
    )
    yield file_name("judges"), "judges", "judges", judges(reading)
    for reason, listed in lists.items():
        yield file_name("explorer", reason=reason), "explorer", "explorer", listed
    for name, shown in decisions.items():
        yield file_name("decision", name=name), "decision", "explorer", _quiet(shown)
    yield file_name("releases"), "releases", "releases", history(reading)
