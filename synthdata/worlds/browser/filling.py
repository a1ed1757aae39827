"""Kinds of tasks that are done by filling in forms."""

from __future__ import annotations

import re
from datetime import datetime

from synthdata.worlds.browser.pages import Kind, Page, Plan, aimed, click, filled, on
from synthdata.worlds.environment import Action

_SUBMIT = click("button", "Submit")


def _text(page: Page) -> Plan:
    (box,) = page.of("textbox")
    return filled([(box, page.quoted[0])], _SUBMIT)


def _cased(page: Page) -> Plan:
    (box,) = page.of("textbox")
    text = page.quoted[0]
    return filled([(box, text.upper() if "upper case" in page.query else text.lower())], _SUBMIT)


def _passwords(page: Page) -> Plan:
    return filled([(box, page.quoted[0]) for box in page.of("textbox")], _SUBMIT)


def _login(button: str, popup: str) -> Kind:
    """Peeked is whether a window lies over the form."""

    def plan(page: Page) -> Plan:
        away = (click("button", "Cancel"),) if page.peeked else ()
        boxes = page.of("textbox")
        # Two buttons have one name while the window is open.
        return *away, *filled(zip(boxes, page.quoted, strict=True), click("button", button))

    return Kind(popup, plan, "document.getElementById('popup') !== null")


def _date(page: Page) -> Plan:
    month, day, year = re.findall(r"(\d+)/(\d+)/(\d+)", page.query)[0]
    (box,) = page.of("textbox")
    return filled([(box, f"{year}-{month}-{day}")], _SUBMIT)


def _time(page: Page) -> Plan:
    hour, minute, half = re.findall(r"(\d+):(\d+)\s([AP]M)", page.query)[0]
    text = datetime.strptime(f"{hour}:{minute} {half}", "%I:%M %p").strftime("%H:%M")  # noqa: DTZ007
    (box,) = page.of("textbox")
    return filled([(box, text)], _SUBMIT)


def _focus(page: Page) -> Plan:
    number = int(re.findall(r"the (\d)", page.query)[0])
    return (on("click", page.of("textbox")[number - 1]),)


def _item(page: Page) -> Plan:
    """Peeked are all items that there are, and whether some of them are offered under the box."""
    items, offered = page.peeked
    begin, end = [*page.quoted, ""][:2]
    (box,) = page.of("textbox")
    if box.text.startswith(begin) and box.text.endswith(end) and box.text in items:
        # What is offered lies over the button.
        return *((on("key", box, key="Escape"),) if offered else ()), _SUBMIT
    item = next(item for item in items if item.startswith(begin) and item.endswith(end))
    choosing = click("menuitem", item)
    return (choosing, _SUBMIT) if page.element("menuitem", item) else (on("type", box, text=begin), choosing, _SUBMIT)


def _spinner(page: Page) -> Plan:
    wanted = int(re.findall(r"Select (-?\d+)", page.query)[0])
    (box,) = page.of("spinbutton")
    if not re.fullmatch(r"-?\d+", box.text):
        return on("type", box, text=str(wanted)), _SUBMIT
    away = wanted - int(box.text)
    return *[on("key", box, key="ArrowUp" if away > 0 else "ArrowDown")] * abs(away), _SUBMIT


def _arithmetic(page: Page) -> Plan:
    first, sign, second = re.findall(r"(\d+) ([-+x*]) (\d+) =", page.peeked)[0]
    values = {"+": int(first) + int(second), "-": int(first) - int(second)}
    return filled([(page.of("textbox")[0], str(values.get(sign, int(first) * int(second))))], _SUBMIT)


def _algebra(page: Page) -> Plan:
    first, sign, second, result = re.findall(r"(\w+) ([-+]) (\w+) = (\d+)", page.peeked)[0]
    if sign == "+":
        solved = int(result) - int(second if first == "x" else first)
    else:
        solved = int(result) + int(second) if first == "x" else int(first) - int(result)
    return filled([(page.of("textbox")[0], str(solved))], _SUBMIT)


def _cells(page: Page) -> dict[str, str]:
    names = [cell.name for cell in page.of("cell")]
    return dict(zip(names[::2], names[1::2], strict=True))


def _row(page: Page) -> Plan:
    label = re.findall(r"the value of (.+) into", page.query)[0]
    return filled([(page.of("textbox")[0], _cells(page)[label])], _SUBMIT)


def _rows(page: Page) -> Plan:
    """Peeked are the labels of the boxes."""
    cells = _cells(page)
    values = [cells[label.strip().rstrip(":")] for label in page.peeked]
    return filled(zip(page.of("textbox"), values, strict=True), _SUBMIT)


def _word(page: Page) -> Plan:
    number = int(re.findall(r"(\d+)(?:st|nd|rd|th) word", page.query)[0])
    word = re.sub(r"[^a-zA-Z]+", "", page.peeked.split()[number - 1])
    return filled([(page.of("textbox")[0], word)], _SUBMIT)


def _movie(page: Page) -> Plan:
    """Peeked are the labels of the boxes."""
    genre, name, year = re.findall(r"Search for (.+) movies directed by (.+) from year (\d+)", page.query)[0]
    values = [genre if "Genre" in label else name if "Director" in label else year for label in page.peeked]
    button = page.of("button")[0]
    return filled(zip(page.of("textbox"), values, strict=True), on("click", button))


def _form(page: Page) -> Plan:
    radio, box = (int(number) - 1 for number in re.findall(r"(\d)(?:st|nd|rd)", page.query))
    checked = "checked" in page.of("radio")[radio].flags
    wanted = [(e, page.quoted[0] if i == box else "") for i, e in enumerate(page.of("textbox"))]
    return *(() if checked else (on("click", page.of("radio")[radio]),)), *filled(wanted, _SUBMIT)


def _agreement(page: Page) -> Plan:
    """Peeked is whether the text was read to its end, so that the form is open."""
    if page.query == "Click the cancel button.":
        return (click("button", "Cancel"),)
    name, end = page.quoted
    box = page.element("textbox", "Name")
    text = next(e for e in page.of("textbox") if e.name != "Name")
    reading = () if page.peeked else (on("scroll", text, direction="bottom"),)
    return *reading, *(filled([(box, name)]) if box else ()), click("button", end)


def _mail(page: Page) -> Plan:
    """Peeked are what lies on top (list, mail, reply or forward) and whose mail is open."""
    place, opened = page.peeked
    sender = re.findall(r"the email by (\S+)", page.query)[0]
    if "trash" in page.query or "star" in page.query:
        tool = "Delete" if "trash" in page.query else "Star"
        if place == "list" or (opened == sender and place == "mail"):
            return (click("button", f"{tool} {sender}"),)
    # Behind a letter lies its mail, behind a mail the list.
    answer = "reply" if "reply" in page.query else "forward" if "forward" in page.query else ""
    here = place == answer and opened == sender
    back: tuple[Action, ...] = ()
    if place in ("reply", "forward") and not here:
        back, place = (click("button", "Cancel"),), "mail"
    if place == "mail" and opened != sender:
        back, place = (*back, click("button", "Back")), "list"
    if not answer:
        return *back, click("button", f"{'Delete' if 'trash' in page.query else 'Star'} {sender}")
    opening = (click("link", sender),) if place == "list" else ()
    writing = () if here else (click("button", answer.capitalize()),)
    name = "Message" if answer == "reply" else "To"
    text = page.quoted[0] if answer == "reply" else re.findall(r"forward that email to (\S+)\.$", page.query)[0]
    box = page.element("textbox", name)
    typing = () if here and box and box.text == text else (aimed("type", "textbox", name, text=text),)
    return *back, *opening, *writing, *typing, click("button", "Send")


_LABELS = "[...document.querySelectorAll('#area input[type=text]')].map(e => "
FILLING = (
    Kind("enter-text", _text),
    Kind("enter-text-2", _cased),
    Kind("enter-password", _passwords),
    Kind("enter-date", _date),
    Kind("enter-time", _time),
    Kind("focus-text-2", _focus),
    _login("Login", "login-user"),
    _login("OK", "login-user-popup"),
    Kind("use-autocomplete", _item, "[ui_utils.COUNTRIES, $('.ui-autocomplete:visible').length > 0]"),
    Kind("use-spinner", _spinner),
    Kind("simple-arithmetic", _arithmetic, "document.getElementById('math-problem').textContent"),
    Kind("simple-algebra", _algebra, "document.getElementById('math-problem').textContent"),
    Kind("read-table", _row),
    Kind("read-table-2", _rows, "[...document.querySelectorAll('#area label')].map(e => e.textContent)"),
    Kind("find-word", _word, "document.querySelector('#area p').textContent"),
    Kind("multi-layouts", _movie, f"{_LABELS}$(e).closest('p,tr,.row,.field,.ui-entry').text())"),
    Kind("form-sequence-2", _form),
    Kind("sign-agreement", _agreement, "!document.getElementById('agree').disabled"),
    Kind(
        "email-inbox",
        _mail,
        "(open => [open ? (document.getElementById('reply') ? 'reply' : document.getElementById('forward') ? 'forward' "
        ": 'mail') : 'list', $(open).find('.email-sender').text()])(document.getElementById('email'))",
    ),
)
