"""All kinds of tasks in the browser, in the order in which seeds take them."""

from __future__ import annotations

from synthdata.worlds.browser.clicking import CLICKING
from synthdata.worlds.browser.filling import FILLING
from synthdata.worlds.browser.pages import Kind

KINDS: tuple[Kind, ...] = tuple(sorted((*CLICKING, *FILLING), key=lambda kind: kind.name))
