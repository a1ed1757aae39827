"""The accessibility snapshot of a page, as Playwright writes it, read into its elements."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass

_LINE = re.compile(r"( *)- (.*)")
_QUOTED_KEY = re.compile(r"'((?:[^']|'')*)'(.*)")
_ELEMENT = re.compile(r'([a-z]+)(?: ("(?:[^"\\]|\\.)*"))?((?: \[[^\]]*\])*)(.*)')
_HEX = re.compile(r"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Element:
    """One element: of all with its role and name it is number `nth`, from 0.

    `text` is its value or what stands in it; `flags` are such as `checked`, `selected`, `disabled`.
    """

    role: str
    name: str
    nth: int
    text: str = ""
    flags: frozenset[str] = frozenset()


def read_snapshot(snapshot: str) -> tuple[Element, ...]:
    """The elements in the order of the page; lines of attributes (such as a link's address) are left out."""
    elements: list[Element] = []
    seen: Counter[tuple[str, str]] = Counter()
    for line in snapshot.splitlines():
        match = _LINE.fullmatch(line)
        if not match:
            continue
        key, rest = match[2], ""
        if quoted := _QUOTED_KEY.fullmatch(key):
            key, rest = quoted[1].replace("''", "'"), quoted[2]
        if element := _ELEMENT.fullmatch(key + rest):
            role, name = element[1], json.loads(element[2]) if element[2] else ""
            flags = frozenset(re.findall(r"\[(\w+)", element[3]))
            text = _value(element[4].removeprefix(":").strip())
            elements.append(Element(role, name, seen[role, name], text, flags))
            seen[role, name] += 1
    return tuple(elements)


def _value(text: str) -> str:
    if not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text
    return str(json.loads(_HEX.sub(lambda match: f"\\u00{match[1]}", text)))
