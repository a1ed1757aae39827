"""`docs`: the pages of this project, which come along with the package; errors point at them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from synthdata.errors import InputError
from synthdata.text.terminal import say, table


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(docs)


def docs(
    page: Annotated[str, typer.Argument(help="Name of a page, such as formats. Default: a list of all.")] = "",
) -> None:
    """Read the documentation here.

    How to start, formats, words, what to do on each alarm.
    """
    from synthdata.settings.shipped import shipped_folder

    folder = shipped_folder("docs")
    pages = {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.md"))
        if path.name != "LOG.md"
    }
    if not page:
        table(
            "pages; `synthdata docs NAME` shows one", ["name", "is about"], [(n, _title(p)) for n, p in pages.items()]
        )
        say(f"The files: {folder}")
        return
    name = page.removesuffix(".md")
    if name not in pages:
        raise InputError(f"docs {page}: no such page; there are {', '.join(pages)}")
    text = pages[name].read_text(encoding="utf-8")
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        from synthdata.text.terminal import out

        out().print(Markdown(text))
    else:
        sys.stdout.write(text)


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return next((line.lstrip("# ").strip() for line in file if line.startswith("# ")), "")
