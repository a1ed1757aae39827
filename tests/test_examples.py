"""The notebooks of examples/: whole files with their pictures, and every cell runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from notebooks import code_cells, run

BOOKS = sorted((Path(__file__).parent.parent / "examples").glob("*.ipynb"))


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def pictures(book: dict) -> int:
    return sum("image/svg+xml" in out.get("data", {}) for cell in code_cells(book) for out in cell["outputs"])


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_whole_and_says_what_it_shows(path):
    book = read(path)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert all(cell["execution_count"] for cell in code_cells(book)), (
        "python tests/support/notebooks.py examples/*.ipynb"
    )
    assert pictures(book) >= 1 and "/tmp/" not in json.dumps(book)
    for cell in code_cells(book):
        ast.parse("".join(cell["source"]))
    told = [cell for cell in book["cells"] if cell["cell_type"] == "markdown"]
    assert len(told) >= len(code_cells(book)) - 2


def test_there_is_one_for_each_kind_of_work():
    assert [path.stem for path in BOOKS] == ["agent_logs", "instruction_set", "monitor"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    # One of the three is left to CI: the others take minutes, one of them by the embedded model.
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.long] * (path.stem != "instruction_set")) for path in BOOKS],
)
def test_every_cell_runs(path, tmp_path):
    book = read(path)
    before = pictures(book)
    run(book, tmp_path)
    assert pictures(book) == before
    shown = [out for cell in code_cells(book) for out in cell["outputs"]]
    assert len(shown) >= len(code_cells(book)) - 2
    told = json.dumps(shown)
    said = {"monitor": "Frozen", "instruction_set": "Healthy so far", "agent_logs": "No alarm in 1 round"}[path.stem]
    assert said in told and (tmp_path / "corpus").is_dir()
