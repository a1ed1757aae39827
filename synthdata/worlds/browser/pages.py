"""What an expert sees of a page, and the actions that it speaks in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from synthdata.worlds.browser.snapshot import Element
from synthdata.worlds.environment import Action

Plan = tuple[Action, ...] | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page at rest: the task in its own words, its elements, and what its kind looks up behind the screen."""

    query: str
    elements: Sequence[Element]
    peeked: Any = None

    def of(self, *roles: str) -> list[Element]:
        """The elements with one of these roles, in the order of the page."""
        return [element for element in self.elements if element.role in roles]

    def element(self, role: str, name: str, nth: int = 0) -> Element | None:
        """The element, None where the page does not show it."""
        return next((e for e in self.elements if (e.role, e.name, e.nth) == (role, name, nth)), None)

    @property
    def quoted(self) -> list[str]:
        """What the task puts in quotation marks."""
        return re.findall(r'"([^"]*)"', self.query)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of task: MiniWoB's page, and the shortest way through it from any state.

    `peek` is a JavaScript expression of a JSON value that the plan needs and the screen does not show.
    """

    name: str
    plan: Callable[[Page], Plan]
    peek: str = "null"


def aimed(tool: str, role: str, name: str = "", nth: int = 0, **arguments: object) -> Action:
    """The action on the element; `nth` stands in it only where it is not the first."""
    return Action.of(tool, role=role, name=name, **({"nth": nth} if nth else {}), **arguments)


def on(tool: str, element: Element, **arguments: object) -> Action:
    """The action on an element that was seen."""
    return aimed(tool, element.role, element.name, element.nth, **arguments)


def click(role: str, name: str = "", nth: int = 0) -> Action:
    """A click."""
    return aimed("click", role, name, nth)


def filled(wanted: Iterable[tuple[Element, str]], *then: Action) -> tuple[Action, ...]:
    """What is still to be typed, then the rest."""
    return (*(on("type", element, text=text) for element, text in wanted if element.text != text), *then)
