"""`docs`: the pages of this project, which come along with the package; errors point at them."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from synthdata.errors import InputError
from synthdata.text.names import METRICS, REASONS
from synthdata.text.terminal import say, table


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(docs)


def docs(
    page: Annotated[
        str,
        typer.Argument(
            help="A page, such as formats, or a word, such as n2 or a reason. Default: a list of all pages."
        ),
    ] = "",
) -> None:
    """Read the documentation here.

    How to start, formats, what to do on each alarm; or what one word means.
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
    text = pages[name].read_text(encoding="utf-8") if name in pages else _word(name, pages["glossary"])
    if not text:
        raise InputError(f"docs {page}: no such page and no word of the glossary; there are {', '.join(pages)}")
    if sys.stdout.isatty():
        from rich.markdown import Markdown

        from synthdata.text.terminal import out

        out().print(Markdown(text))
    else:
        sys.stdout.write(text)


def _word(word: str, glossary: Path) -> str:
    """What the glossary says of a word, or the tables of reasons and metrics; empty where nobody knows it."""
    wanted = word.casefold().replace("_", " ")
    entries = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^### |\Z)", glossary.read_text(encoding="utf-8"), re.S | re.M))
    names = {name.casefold(): f"### {name}\n{says.strip()}\n" for name, says in entries.items()}
    for identifier, meaning in {**REASONS, **METRICS}.items():
        falls = f" It {meaning.in_collapse} in a collapse." if meaning.in_collapse else ""
        shown = f"### {meaning.name}\n{meaning.says}{falls}\n"
        names.setdefault(meaning.name.casefold(), shown)
        names.setdefault(identifier.replace("_", " "), shown)
    if wanted in names:
        return names[wanted]
    near = {text.partition("\n")[0]: text for name, text in reversed(names.items()) if wanted in name.split()}
    return "\n".join(reversed(near.values()))


def _title(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return next((line.lstrip("# ").strip() for line in file if line.startswith("# ")), "")
