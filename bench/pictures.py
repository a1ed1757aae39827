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

from synthdata.drawing import Drawing

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "pictures"


def write(name: str, drawing: Drawing) -> None:
    """One picture as a file of its own."""
    (OUT / f"{name}.svg").write_text(drawing.alone(), encoding="utf-8")


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


def main() -> None:
    """Make the run and draw it."""
    from synthdata import Corpus
    from synthdata.dashboard.coverage import drawing
    from synthdata.dashboard.reading import Reader
    from synthdata.dashboard.rounds import rounds
    from synthdata.drawing import bars, histogram, scatter

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
            write(f"nearest-{name}", histogram(title, shown, report.nearest, "cosine to the nearest other text"))
        reading = Reader(folder / "corpus").current()
        plane = drawing(reading.map)
        cells = f"{len(plane['map'].cells)} cells"
        write("map", scatter("Real rows, admitted rows and cells", cells, plane["clouds"], plane["spots"]))
        write("funnel", bars("What was left after each step", rounds(reading, None)["funnel_bars"]))
        sys.stdout.write(f"{corpus.status()}\n")


if __name__ == "__main__":
    main()
