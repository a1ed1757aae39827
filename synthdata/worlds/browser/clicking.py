"""Kinds of tasks that are done by clicking, choosing, scrolling and waiting."""

from __future__ import annotations

import re

from synthdata.worlds.browser.pages import Kind, Page, Plan, click, on
from synthdata.worlds.environment import Action

_SUBMIT = click("button", "Submit")
_LINKS = "[...document.querySelectorAll('.alink')].map(e => [e.parentElement.closest('#area > div'), e.textContent])"
_PANELS = "[...document.querySelectorAll('#area > div')]"


def _only_button(page: Page) -> Plan:
    return tuple(on("click", element) for element in page.of("button")[:1])


def _named_button(page: Page) -> Plan:
    name = page.quoted[0] if page.quoted else page.query.removesuffix(".").rpartition(" ")[2]
    return (click("button", name),)


def _dialog(page: Page) -> Plan:
    return (click("button", "Close" if page.quoted[0] == "x" else page.quoted[0]),)


def _link(page: Page) -> Plan:
    return (click("link", page.quoted[0]),)


def _sequence(page: Page) -> Plan:
    """Peeked are the ids of the buttons that were pushed."""
    if page.peeked == []:
        return click("button", "ONE"), click("button", "TWO")
    return (click("button", "TWO"),) if page.peeked == ["subbtn"] else None


def _after_a_while(page: Page) -> Plan:
    """Peeked are the buttons that were pushed and the seconds since the first was."""
    pushed, since = page.peeked
    seconds = int(re.findall(r"wait (\d+) seconds", page.query)[0])
    if pushed == []:
        return click("button", "ONE"), Action.of("wait", seconds=seconds - 0.5), click("button", "TWO")
    if pushed != ["subbtn"] or since >= seconds * 1.15:
        return None
    # Counted as right within 15 % of the time.
    waits = () if since > seconds * 0.85 else (Action.of("wait", seconds=round(seconds - since, 1)),)
    return *waits, click("button", "TWO")


def _wanted(page: Page, ending: str) -> list[str]:
    listed = page.query.removeprefix("Select ").removesuffix(ending)
    return [] if listed == "nothing" else listed.split(", ")


def _boxes(page: Page) -> Plan:
    wanted = _wanted(page, " and click Submit.")
    wrong = [e for e in page.of("checkbox") if ("checked" in e.flags) != (e.name in wanted)]
    return *(on("click", element) for element in wrong), _SUBMIT


def _option(page: Page) -> Plan:
    (name,) = _wanted(page, " and click Submit.")
    element = page.element("radio", name)
    return (_SUBMIT,) if element and "checked" in element.flags else (click("radio", name), _SUBMIT)


def _choose(role: str, ending: str) -> Kind:
    def plan(page: Page) -> Plan:
        # A name may have a comma in it, so what is offered decides.
        listed = page.query.removeprefix("Select ").removesuffix(ending)
        offered = page.of("option")
        wanted = [e.name for e in offered if e.name == listed] or [
            e.name for e in offered if e.name and e.name in listed.split(", ")
        ]
        chosen = [e.name for e in offered if "selected" in e.flags]
        select = Action.of("select", role=role, name="", options=wanted)
        return (_SUBMIT,) if chosen == wanted else (select, _SUBMIT)

    return Kind({"combobox": "choose-list", "listbox": "click-scroll-list"}[role], plan)


def _tab(page: Page) -> Plan:
    return (click("tab", page.query.removeprefix("Click on ").removesuffix(".")),)


def _hidden_link(panel_name: str) -> Kind:
    """Peeked are [panel, text] of every link; a link is seen where its panel is open."""

    def plan(page: Page) -> Plan:
        (name,) = page.quoted
        if page.element("link", name):
            return (click("link", name),)
        panels = [panel for panel, text in page.peeked if text == name]
        tabs = page.of("tab")
        return (on("click", tabs[panels[0]]), click("link", name)) if tabs else None

    peek = f"{_LINKS}.map(([panel, text]) => [{_PANELS}.indexOf(panel), text])"
    return Kind(panel_name, plan, peek)


def _section(page: Page) -> Plan:
    """Peeked is whether a section is open."""
    tab = click("tab", next(e.name for e in page.of("tab") if e.name.startswith("Section")))
    return (_SUBMIT,) if page.peeked else (tab, _SUBMIT)


def _widget(page: Page) -> Plan:
    """Peeked are the kinds of all boxes for text."""
    wanted = page.quoted[0]
    if wanted in ("text", "textarea"):
        return (on("click", page.of("textbox")[page.peeked.index(wanted)]),)
    return tuple(on("click", element) for element in page.of(wanted)[:1])


def _tree(page: Page) -> Plan:
    """Peeked are the name, the names above and what is shown, of all entries."""
    ways = [[*above, name] for name, above, shown in page.peeked if name == page.quoted[0]]
    seen = {name for name, _, shown in page.peeked if shown}
    hidden = [[name for i, name in enumerate(way) if i == len(way) - 1 or way[i + 1] not in seen] for way in ways]
    return tuple(click("link", name) for name in min(hidden, key=len))


def _results(page: Page) -> Plan:
    """Peeked are the numbers of the results that are shown, -1 for those of another search."""
    number = int(re.findall(r"(\d+)(?:st|nd|rd|th) search result", page.query)[0]) - 1
    shown = [int(result) for result in page.peeked]
    if number in shown:
        return (on("click", page.of("link")[shown.index(number)]),)
    box, text = page.of("textbox")[0], page.quoted[0]
    typing = () if box.text == text else (on("type", box, text=text),)
    turn = click("link", str(number // 3 + 1))
    found = shown != [] and shown[0] >= 0
    search = () if found and not typing else (click("button", "Search"),)
    turns = (turn,) if number // 3 or (found and not search) else ()
    # Which name the result has is seen when it is there; until then its place is enough.
    return *typing, *search, *turns, click("link", text)


def _scroll(page: Page) -> Plan:
    """Peeked are top, height and what is seen of the text."""
    top, height, shown = page.peeked
    end = "bottom" if "to the bottom" in page.query else "top"
    there = top + shown > height - 5 if end == "bottom" else top < 5
    box = on("scroll", page.of("textbox")[0], direction=end)
    return (_SUBMIT,) if there else (box, _SUBMIT)


def _parity(page: Page) -> Plan:
    """Peeked are number and chosen word of every row."""
    wanted = ["Odd" if number % 2 else "Even" for number, _ in page.peeked]
    clicks = [click("button", word, i) for i, word in enumerate(wanted) if page.peeked[i][1] != word]
    return *clicks, _SUBMIT


def _ticket(page: Page) -> Plan:
    """Peeked are [minutes, price] of every ticket."""
    column = 1 if "cost" in page.query else 0
    best = min if "cheapest" in page.query or "shortest" in page.query else max
    values = [ticket[column] for ticket in page.peeked]
    return (on("click", page.of("button")[values.index(best(values))]),)


CLICKING = (
    Kind("click-test", _only_button),
    Kind("click-test-2", _named_button),
    Kind("click-button", _named_button),
    Kind("click-button-sequence", _sequence, "buttonsPushed"),
    Kind("button-delay", _after_a_while, "[buttonsPushed, currentTime ? (Date.now() - currentTime) / 1000 : 0]"),
    Kind("click-link", _link),
    Kind("click-dialog", lambda page: (click("button", "Close"),)),
    Kind("click-dialog-2", _dialog),
    Kind("click-checkboxes", _boxes),
    Kind("click-checkboxes-large", _boxes),
    Kind("click-option", _option),
    _choose("combobox", " from the list and click Submit."),
    _choose("listbox", " from the scroll list and click Submit."),
    Kind("click-tab", _tab),
    _hidden_link("click-tab-2"),
    Kind("click-collapsible", _section, "$('.ui-accordion-content:visible').length"),
    _hidden_link("click-collapsible-2"),
    Kind("click-widget", _widget, "[...document.querySelectorAll('[data-type^=text]')].map(e => e.dataset.type)"),
    Kind(
        "navigate-tree",
        _tree,
        "[...document.querySelectorAll('#tree span')].map(e => [e.textContent, $(e).parent().parents('li').get()"
        ".reverse().map(li => $(li).children('span').text()), $(e).is(':visible')])",
    ),
    Kind("search-engine", _results, "[...document.querySelectorAll('#page-content a')].map(e => e.dataset.result)"),
    Kind(
        "scroll-text-2",
        _scroll,
        "(e => [e.scrollTop, e.scrollHeight, e.clientHeight])(document.getElementById('text-area'))",
    ),
    Kind(
        "odd-or-even",
        _parity,
        "[...document.querySelectorAll('.row')].map(e => "
        "[+$(e).find('.display-number').text(), $(e).find('button.selected').text()])",
    ),
    Kind(
        "buy-ticket",
        _ticket,
        "[...document.querySelectorAll('.flight')].map(e => "
        "[+$(e).find('.time-duration').attr('data-duration'), +$(e).find('.buy-ticket').attr('data-price')])",
    ),
)
