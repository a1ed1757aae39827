"""Draws the pictures of docs/ideas.md from the run of docs/tutorial-texts.md, with the drawing code that ships.

The tutorial's Python block makes the two files, its `init` and `admit` are made here through the library. Each picture
carries the colours of the pages, light or dark as the reader's system is.
"""

from __future__ import annotations

import os
import re
import runpy
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "pictures"
# Tells an image that the browser loads by itself what the pages' style sheet tells inline ones.
_PLACE = "font:11px system-ui,sans-serif"


def tutorial_files(folder: Path) -> None:
    """Run the tutorial's Python block in a folder."""
    text = (ROOT / "docs" / "tutorial-texts.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert block
    script = folder / "make.py"
    script.write_text(block[1], encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        runpy.run_path(str(script))
    finally:
        os.chdir(before)


def dashboard_style() -> str:
    """The colours and the rules of pictures, out of the pages' style sheet."""
    text = (ROOT / "synthdata" / "dashboard" / "assets" / "style.css").read_text(encoding="utf-8")
    colours = re.findall(
        r"^:root \{.*?^\}|^@media \(prefers-color-scheme: dark\) \{.*?^\}", text, re.DOTALL | re.MULTILINE
    )
    rules = [line.replace(".chart ", "") for line in text.splitlines() if line.startswith(".chart ")]
    return "\n".join([*colours, *rules, "text{fill:var(--ink)}.tick{fill:var(--soft)}"])


def write(name: str, svg: str, style: str) -> None:
    """One picture as a file of its own."""
    head, rest = svg.split(">", 1)
    head = head.replace("<svg", f'<svg xmlns="http://www.w3.org/2000/svg" style="{_PLACE}"', 1)
    (OUT / f"{name}.svg").write_text(f"{head}><style>{style}</style>{rest}\n", encoding="utf-8")


def main() -> None:
    """Make the run and draw it."""
    from synthdata import Corpus
    from synthdata.dashboard import charts
    from synthdata.dashboard.coverage import drawing
    from synthdata.dashboard.reading import Reader
    from synthdata.dashboard.rounds import rounds
    from synthdata.inspection.page import _STYLE
    from synthdata.inspection.plots import histogram_svg

    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tutorial_files(folder)
        corpus = Corpus.init(folder / "corpus", folder / "real.jsonl")
        corpus.admit(folder / "generated.jsonl")
        edges = np.linspace(0, 1, 21).tolist()
        for name, file in (("real", "real.jsonl"), ("generated", "generated.jsonl")):
            report = corpus.inspect(folder / file)
            title = f"How near the nearest other text is, {name} texts"
            shown = list(report.nearest_edges) or edges
            picture = histogram_svg(title, shown, report.nearest, "cosine to the nearest other text")
            write(f"nearest-{name}", picture, _STYLE)
        reading = Reader(folder / "corpus").current()
        plane = drawing(reading.map)
        style = dashboard_style()
        told = f"{len(plane['map'].cells)} cells"
        write(
            "map",
            str(charts.scatter("map", "Real rows, admitted rows and cells", told, plane["clouds"], plane["spots"])),
            style,
        )
        left = rounds(reading, None)["funnel_bars"]
        write("funnel", str(charts.bars("funnel", "What was left after each step", left)), style)
        sys.stdout.write(f"{corpus.status()}\n")


if __name__ == "__main__":
    main()
