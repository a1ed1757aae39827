"""Runs a notebook's cells in order in one process, without Jupyter, and keeps what each shows.

`python tests/support/notebooks.py examples/*.ipynb` runs them in a temporary folder and writes what they show into
them.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any


def code_cells(book: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells that hold code."""
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def run(book: dict[str, Any], folder: Path) -> None:
    """Run all code cells with `folder` as the working folder; each cell's outputs are replaced by what it shows now."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(folder):
        for number, cell in enumerate(code_cells(book), 1):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                value = _run_cell("".join(cell["source"]), names)
            cell["execution_count"] = number
            cell["outputs"] = [*_streamed(_plain(printed.getvalue(), folder)), *_displayed(value, number, folder)]


def _run_cell(source: str, names: dict[str, Any]) -> object:
    """The value of the last expression, as a notebook shows it."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if isinstance(last, ast.Expr) else None


def _streamed(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []


def _displayed(value: object, number: int, folder: Path) -> list[dict[str, Any]]:
    if value is None:
        return []
    data = {"text/plain": [_plain(repr(value), folder)]}
    for kind, method in (("text/html", "_repr_html_"), ("image/svg+xml", "_repr_svg_")):
        if hasattr(value, method):
            data[kind] = _plain(getattr(value, method)(), folder).splitlines(keepends=True)
    return [{"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}]


def _plain(text: str, folder: Path) -> str:
    """Without the temporary folder's name, which differs each time."""
    return re.sub(re.escape(str(folder)) + "/?", "", text)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for name in sys.argv[1:]:
        path = Path(name).resolve()
        notebook = json.loads(path.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as temporary:
            run(notebook, Path(temporary))
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        sys.stdout.write(f"{path.name}: {len(code_cells(notebook))} cells\n")
