"""`settings`: which settings are in force and what each means, for people and, as a JSON Schema, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synthdata.cli.options import AsJson, Config, Overrides
from synthdata.text.terminal import emit_json, say, table


def register(app: typer.Typer) -> None:
    """Add the verb of this file."""
    app.command()(settings)


def settings(
    corpus: Annotated[
        Path | None, typer.Argument(help="Whose settings. Default: none, so --config or the defaults.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a settings file: types, ranges, meanings.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show the settings at their default too.")] = False,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Show the settings and what they mean.

    By default those that differ from what is shipped.
    """
    from synthdata.cli.decide import load_settings
    from synthdata.settings import Settings
    from synthdata.settings.schema import meanings, settings_schema

    if schema:
        emit_json(settings_schema())
        return
    values = load_settings(config, overrides, corpus).model_dump(mode="json")
    if as_json:
        emit_json(values)
        return
    usual, comments, now = _flat(Settings().model_dump(mode="json")), meanings(), _flat(values)
    shown = {name: value for name, value in now.items() if every or value != usual[name]}
    if not shown:
        say(f"All {len(now)} settings are at their default; --all lists them.")
        return
    table(
        f"{len(shown)} of {len(now)} settings" + ("" if every else ", those that are not at their default"),
        ["setting", "value", "default", "means"],
        [(name, _toml(value), _toml(usual[name]), comments.get(name, "")) for name, value in shown.items()],
    )


def _flat(values: dict[str, Any], at: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{at}{name}.") if isinstance(value, dict) else {f"{at}{name}": value}
    return flat


def _toml(value: object) -> str:
    """A value as --set takes it; nothing where the anchor decides."""
    import json

    return "" if value is None else json.dumps(value, ensure_ascii=False)
