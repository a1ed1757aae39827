"""Which worlds there are, and how one is made again from what a run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from synthdata.errors import InputError
from synthdata.worlds.browser.world import Browser
from synthdata.worlds.environment import Environment
from synthdata.worlds.guard import Policy
from synthdata.worlds.text_games import TextGames
from synthdata.worlds.tools.desk import Desk

Name = Literal["tools", "browser", "textworld"]
# Worlds as `collect` makes them.
PLAIN: Mapping[Name, Mapping[str, object]] = {
    "tools": {"name": "tools", "busy": 0.05, "planted": ""},
    "browser": {"name": "browser", "planted": "", "pictures": True},
    "textworld": {"name": "textworld", "series": 0},
}


def make(recorded: Mapping[str, object]) -> Environment:
    """The world that `extra.world` of a run describes, not yet reset.

    Raises:
        InputError: no such world, or a field that cannot be what the world is made with.
    """
    try:
        if recorded["name"] == "tools":
            return Desk(busy=float(str(recorded["busy"])), planted=str(recorded["planted"]))
        if recorded["name"] == "browser":
            # A run that is made again needs no pictures: only its texts are compared.
            return Browser(planted=str(recorded["planted"]), pictures=recorded.get("pictures") is True)
        if recorded["name"] == "textworld":
            return TextGames(series=int(str(recorded["series"])))
    except (KeyError, ValueError) as error:
        raise InputError(f"extra.world cannot be made again: {error}") from error
    raise InputError(f"extra.world.name {str(recorded['name'])[:40]!r} is no world: tools, browser, textworld")


def shipped_policy(name: str) -> Policy:
    """The policy file that comes with a world."""
    return Policy.from_toml(Path(__file__).parent / name / "policy.toml")
