"""The reference pages as Markdown, written from what the code says: verbs, settings, reasons, metrics.

`python -m synthdata.cli.reference docs/reference` writes them; a test holds the files and the code together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from synthdata.cli import app
from synthdata.monitor.alarms import AMBER_TILES, RED_TILES
from synthdata.monitor.starved import ADVICE
from synthdata.records import Reason
from synthdata.settings.schema import settings_schema
from synthdata.text.names import METRICS, REASONS, VIEWS

_WRITTEN = "<!-- Written by `python -m synthdata.cli.reference docs/reference`; change the code, not this page. -->"

_OF_SETTINGS = """Every setting with its default and its meaning. `--set recipe.gate.tau=0.93` overrides one, `--config
FILE` takes a TOML file of those that you change, `synthdata settings --schema` prints the JSON Schema of such a file.
What stands under `recipe` changes which rows there are and is part of a corpus' fingerprint; `runtime` never does."""
_OF_REASONS = """Every row gets one verdict: admitted, refused with one of these reasons, or unreadable.
`synthdata explain CORPUS ID` shows the reason of a row with the number behind it. The identifier is what `--json` and
the files hold. The last column says what helps where a reason takes most of a round."""


def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return {
        "verbs.md": _page(_verbs()),
        "settings.md": _page(_settings()),
        "reasons.md": _page(_reasons()),
        "metrics.md": _page(_metrics()),
    }


def _page(lines: Iterator[str]) -> str:
    title, *rest = lines
    return "\n".join([title, "", _WRITTEN, *rest]) + "\n"


def _verbs() -> Iterator[str]:
    yield "# Verbs"
    yield from ("", "What `synthdata VERB --help` says, on one page. [The command line](../cli.md) tells them by task.")
    command: Any = typer.main.get_command(app)
    for name, verb in command.commands.items():
        yield from ("", f"## `{name}`", "", *_help(verb.help))
        inner = getattr(verb, "commands", {})
        for below, part in inner.items():
            yield from ("", f"### `{name} {below}`", "", *_help(part.help), *_options(part))
        if not inner:
            yield from _options(verb)


def _help(text: str | None) -> list[str]:
    return [line.strip() for line in (text or "").strip().splitlines()]


def _options(verb: Any) -> Iterator[str]:  # noqa: ANN401 - a command of the parser
    shown = [part for part in verb.params if part.name not in ("help",) and not getattr(part, "hidden", False)]
    if not shown:
        return
    yield from ("", "| | | |", "|---|---|---|")
    for part in shown:
        argument = part.param_type_name == "argument"
        name = (part.metavar or part.name.upper()) if argument else ", ".join([*part.opts, *part.secondary_opts])
        default = part.default if isinstance(part.default, str | int | float) else None
        default_note = "" if argument or default in (None, "", False) else f"default {default}"
        yield f"| `{name}` | {_cell(getattr(part, 'help', '') or '')} | {default_note} |"


def _settings() -> Iterator[str]:
    yield from ("# Settings", "", _OF_SETTINGS)
    schema = settings_schema()
    for half in ("recipe", "runtime"):
        yield from _section(schema, schema["$defs"][_named(schema["properties"][half])], half)


def _section(schema: dict[str, Any], node: dict[str, Any], at: str) -> Iterator[str]:
    fields = node["properties"]
    plain = {name: field for name, field in fields.items() if not _named(field)}
    if plain:
        yield from ("", f"## {at}", "", *_help(node.get("description")), "", "| setting | default | meaning |")
        yield "|---|---|---|"
        for name, field in plain.items():
            yield f"| `{name}` | {_value(field.get('default'))} | {_cell(field.get('description', ''))} |"
    for name, field in fields.items():
        if inner := _named(field):
            yield from _section(schema, schema["$defs"][inner], f"{at}.{name}")


def _named(field: dict[str, Any]) -> str:
    return str(field.get("$ref", "")).rsplit("/", 1)[-1]


def _value(default: object) -> str:
    if default is None:
        return "set by the reference"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if default not in ("", [], ()) else "empty"


def _reasons() -> Iterator[str]:
    yield from ("# Reasons", "", _OF_REASONS)
    yield from ("", "| reason | means | identifier | what helps |", "|---|---|---|---|")
    for identifier, known in REASONS.items():
        advice = ADVICE.get(Reason(identifier), "")
        yield f"| {known.name} | {known.says} | `{identifier}` | {_cell(advice)} |"


def _metrics() -> Iterator[str]:
    yield "# Metrics of a round"
    yield ""
    yield "What terminal, pages and cards call the numbers of a round. The formulas and their sources:"
    yield "[metrics](../metrics.md). The band beside a value is where real text of the same size would lie."
    yield from ("", "| metric | says | in a collapse it | rings | identifier |", "|---|---|---|---|---|")
    for identifier, known in METRICS.items():
        rings = "red" if identifier in RED_TILES else "amber" if identifier in AMBER_TILES else ""
        yield f"| {known.name} | {known.says} | {known.in_collapse} | {rings} | `{identifier}` |"
    yield from ("", "Each is measured on several views of the rows:", "", "| view | identifier |", "|---|---|")
    for identifier, name in VIEWS.items():
        yield f"| {name} | `{identifier}` |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for file, text in pages().items():
        (folder / file).write_text(text, encoding="utf-8")
