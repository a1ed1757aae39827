"""The six tools of the browser: their schemas, how they are carried out, and which calls a page offers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthdata.worlds.browser.pages import Page, on
from synthdata.worlds.browser.snapshot import Element
from synthdata.worlds.environment import Action

if TYPE_CHECKING:
    from playwright.sync_api import Locator
    from playwright.sync_api import Page as Tab

ROLES = (
    "button", "checkbox", "combobox", "link", "listbox", "menuitem", "option", "radio", "searchbox", "slider",
    "spinbutton", "switch", "tab", "textbox", "treeitem",
)  # fmt: skip
_CLICKED = frozenset(ROLES) - {"option", "listbox", "combobox"}
_TYPED = frozenset({"textbox", "searchbox", "spinbutton"})
# Texts that one box is offered, and options that one list is.
OFFERED = 8
LONG_TEXT = 80
WAITS = (0.5, 1.0, 1.5, 2.0, 2.5)
_AIM: dict[str, Any] = {
    "role": {"type": "string", "enum": list(ROLES)},
    "name": {"type": "string", "description": "As the snapshot shows it; empty where there is none."},
    "nth": {"type": "integer", "minimum": 0, "description": "Of several with this role and name, from 0."},
}


def _tool(name: str, description: str, aimed: bool = True, **more: object) -> dict[str, Any]:
    required = [*(("role", "name") if aimed else ()), *more]
    schema = {
        "type": "object",
        "properties": {**(_AIM if aimed else {}), **more},
        "required": required,
        "additionalProperties": False,
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS: Sequence[Mapping[str, Any]] = (
    _tool("click", "Click on an element."),
    _tool("type", "Put a text into a box in place of what is there.", text={"type": "string"}),
    _tool(
        "select", "Choose these options of a list, no others.",
        options={"type": "array", "items": {"type": "string"}},
    ),
    _tool("key", "Press a key on an element, such as ArrowUp or Enter.", key={"type": "string"}),
    _tool(
        "scroll", "Scroll an element by what it shows, or to an end of it.",
        direction={"type": "string", "enum": ["up", "down", "top", "bottom"]},
    ),
    _tool("wait", "Let time pass on the page.", aimed=False, seconds={"type": "number", "exclusiveMinimum": 0}),
)  # fmt: skip

_STATE = """e => {
  if (e.matches(':disabled') || e.getAttribute('aria-disabled') === 'true') return 'is disabled';
  e.scrollIntoView({block: 'nearest', inline: 'nearest'});
  const box = e.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return top && (e.contains(top) || top.contains(e)) ? '' : 'is covered by something else';
}"""
_SCROLL = """(e, direction) => {
  const by = {up: -e.clientHeight, down: e.clientHeight, top: -e.scrollHeight, bottom: e.scrollHeight}[direction];
  e.scrollTop += by;
  e.dispatchEvent(new Event('scroll'));
}"""


def carry_out(tab: Tab, action: Action) -> str:
    """Do it; what is wrong in words, empty where it was done. The arguments fit the schema of the tool."""
    values = action.values
    if action.name == "wait":
        tab.clock.run_for(round(values["seconds"] * 1000))
        return ""
    name, nth = values["name"], values.get("nth", 0)
    # An empty name would match any.
    found = tab.get_by_role(values["role"], name=name or re.compile("^$"), exact=True)
    shown = f"{values['role']} {name[:60]!r}" + (f" number {nth}" if nth else "")
    if found.count() <= nth:
        return f"there is no {shown} on the page"
    target = found.nth(nth)
    state = str(target.evaluate(_STATE))
    if state and not (action.name == "scroll" and state == "is disabled"):
        return f"{shown} {state}"
    return _on(target, action.name, values, shown)


def _on(target: Locator, tool: str, values: Mapping[str, Any], shown: str) -> str:
    if tool == "click":
        target.click()
    elif tool == "type":
        if not target.evaluate("e => e.matches('input, textarea, [contenteditable]') && !e.readOnly"):
            return f"{shown} takes no text"
        return _typed(target, values["text"], shown)
    elif tool == "select":
        offered = target.evaluate("e => e.options ? [...e.options].map(o => o.label) : null")
        if offered is None:
            return f"{shown} is no list"
        missing = [option for option in values["options"] if option not in offered]
        if missing:
            return f"{shown} has no option {missing[0][:60]!r}"
        target.select_option(label=values["options"])
    elif tool == "key":
        return _pressed(target, values["key"])
    else:
        target.evaluate(_SCROLL, values["direction"])
    return ""


def _typed(target: Locator, text: str, shown: str) -> str:
    from playwright.sync_api import Error

    kind = target.evaluate("e => e.type || ''")
    patterns = {"date": r"\d{4}-\d{2}-\d{2}", "time": r"\d{2}:\d{2}", "number": r"-?\d+(\.\d+)?"}
    if text and kind in patterns and not re.fullmatch(patterns[kind], text):
        form = {"date": "YYYY-MM-DD", "time": "HH:MM", "number": "a number"}[kind]
        return f"{shown} takes {form}"
    try:
        target.fill(text)
    except Error as error:
        if "Malformed value" not in error.message:
            raise
        return f"{shown} does not take {text[:60]!r}"
    return ""


def _pressed(target: Locator, key: str) -> str:
    from playwright.sync_api import Error

    try:
        target.press(key)
    except Error as error:
        if "Unknown key" not in error.message:
            raise
        return f"there is no key {key[:60]!r}"
    return ""


def offered(page: Page) -> tuple[Action, ...]:
    """Calls that make sense on the page, sorted: what can be clicked, and what was read put where it can be typed."""
    texts = _texts(page)
    found: set[Action] = {
        Action.of("wait", seconds=seconds) for seconds in (WAITS if "wait" in page.query else WAITS[1:2])
    }
    options: list[str] = []
    for element in reversed(page.elements):
        if element.role == "option":
            options.insert(0, element.name)
        if element.role in ("combobox", "listbox"):
            found |= {on("select", element, options=[name]) for name in options if name}
            options = []
        if "disabled" not in element.flags:
            found |= set(_calls(element, texts))
    return tuple(sorted(found))


def _calls(element: Element, texts: Sequence[str]) -> Iterator[Action]:
    if element.role in _CLICKED:
        yield on("click", element)
    if element.role in _TYPED:
        yield from (on("type", element, text=text) for text in texts)
    if element.role == "spinbutton":
        yield from (on("key", element, key=key) for key in ("ArrowUp", "ArrowDown"))
    if element.role == "textbox" and len(element.text) > LONG_TEXT:
        yield from (on("scroll", element, direction=direction) for direction in ("top", "bottom"))


def _texts(page: Page) -> list[str]:
    """What the task puts in quotation marks, its dates and times as boxes take them, and its cells and names."""
    dates = [f"{year}-{month}-{day}" for month, day, year in re.findall(r"(\d+)/(\d+)/(\d+)", page.query)]
    cells = [cell.name for cell in page.of("cell")[1::2]]
    names = re.findall(r"(?<=\s)[A-Z][a-z]+(?=[\s.])|\b\d{4}\b", page.query)
    known = (*page.quoted, *dates, *cells, *(names if not page.quoted else ()))
    cased = [text.lower() if text.isupper() else text.upper() for text in page.quoted if "letters" in page.query]
    return list(dict.fromkeys(text for text in (*cased, *known) if text))[:OFFERED]
