"""Reasons about calls: what a run's record says of a call, and what must not be claimed of its neighbours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from synthdata.records import Observation, Origin, Step, ToolCall, Trajectory
from synthdata.reflection import propose
from synthdata.reflection.propose import findings_of
from synthdata.reflection.quotes import Rarity, telling_quotes
from synthdata.reflection.verified import reasons
from synthdata.reflection.wordings import WORDINGS
from synthdata.settings import FloorSettings
from synthdata.sources import read_trajectories

WORLDS = Path(__file__).parent.parent / "data" / "sample-worlds"
TASK = "I am ada.grau@example.org. Please cancel my trip to Evora."
TEXT = {"type": "string"}
TOOLS = json.dumps([
    {"type": "function", "function": {"name": name, "parameters": {
        "type": "object", "properties": dict.fromkeys(keys, TEXT) | {"fare": {"enum": ["flex", "saver"]}},
        "required": keys}}}
    for name, keys in (("find_customer", ["email"]), ("list_trips", ["customer_id"]), ("cancel_trip", ["trip_id"]))
])  # fmt: skip
FIND = ("find_customer", {"email": "ada.grau@example.org"}, '{"id":"C43827","tier":"gold"}')
LIST = ("list_trips", {"customer_id": "C43827"}, '[{"place":"Evora","trip_id":"B43828"}]')
CANCEL = ("cancel_trip", {"trip_id": "B43828"}, '{"status":"cancelled"}')


def acted(*calls: tuple[str, dict[str, object], str], success: bool = True, between: int = -1) -> Trajectory:
    """A run of calls; a system message comes before the call numbered `between`."""
    steps = [Step(0, "user", TASK)]
    for number, (name, arguments, reply) in enumerate(calls):
        if number == between:
            steps.append(Step(len(steps), "system", "Everything is put back to the beginning."))
        call = ToolCall(name, json.dumps(arguments), f"c{number}")
        steps.append(Step(len(steps), "agent", tool_calls=(call,), observations=(Observation(reply),)))
    return Trajectory(task=TASK, steps=tuple(steps), task_id="t", success=success, tools=TOOLS)


def made(run: Trajectory, step: int, rule: str = "") -> dict[str, dict[str, str]]:
    finding = next(f for f in findings_of(run) if f.turn.step.idx == step and f.rule == (rule or f.rule))
    return {one.kind: dict(one.slots) for one in reasons(run, finding)}


def rules(run: Trajectory, step: int) -> set[str]:
    return {f.rule for f in findings_of(run) if f.turn.step.idx == step}


def failed(name: str, reply: str, **arguments: object) -> tuple[str, dict[str, object], str]:
    return name, arguments, f"Error: {reply}"


def test_a_value_that_was_read_nowhere_and_the_one_that_had_come() -> None:
    run = acted(FIND, LIST, failed("cancel_trip", "trip B43822 not found", trip_id="B43822"), CANCEL)
    told = made(run, 3)
    assert told["unread"] == {"x": "B43822"}
    assert told["in_place"] | {"x": "B43822", "y": "B43828", "k": "trip id"} == told["in_place"]
    assert told["had_come"]["y"] == "B43828" and told["had_come"]["n"] == "one step"
    assert told["had_come"]["lg"] == "calling list_trips with customer id C43827"
    # A value that an answer did hold, be it of another thing, is not called unread.
    held = acted(FIND, LIST, failed("cancel_trip", "no", trip_id="C43827"), CANCEL)
    assert "unread" not in made(held, 3)
    # A part of a word is no word that was read.
    part = acted(FIND, LIST, failed("cancel_trip", "no", trip_id="43828"), CANCEL)
    assert made(part, 3)["unread"] == {"x": "43828"}


def test_what_the_list_of_tools_says_of_a_call() -> None:
    wrong = acted(FIND, failed("listtrips", "unknown tool", customer_id="C43827"), LIST, CANCEL)
    assert made(wrong, 2)["no_tool"] == {"v": "listtrips"}
    short = acted(FIND, failed("list_trips", "invalid argument"), LIST, CANCEL)
    assert made(short, 2)["left_out"] == {"v": "list_trips", "k": "customer id"}
    assert made(short, 2)["also_gives"]["y"] == "C43827" and "no_tool" not in made(short, 2)
    option = acted(FIND, failed("list_trips", "invalid fare", customer_id="C43827", fare="flexx"), LIST, CANCEL)
    assert made(option, 2)["no_option"] == {"k": "fare", "x": "flexx"} and "unread" not in made(option, 2)
    fine = acted(FIND, failed("list_trips", "sorry: failed", customer_id="C43827", fare="flex"), LIST, CANCEL)
    assert {"no_option", "left_out", "no_tool", "refused"}.isdisjoint(made(fine, 2))
    rule = acted(FIND, failed("list_trips", "refused by rule bounds: too many", customer_id="C43828"), LIST, CANCEL)
    assert made(rule, 2)["refused"] == {"x": "bounds"}


def test_a_run_without_a_list_of_tools_says_nothing_of_them() -> None:
    run = acted(FIND, failed("listtrips", "unknown tool", customer_id="C43827"), LIST, CANCEL)
    from dataclasses import replace

    assert "no_tool" not in made(replace(run, tools=""), 2) and "no_tool" not in made(replace(run, tools="{"), 2)


def test_a_call_of_the_same_tool_about_something_else_corrects_nothing() -> None:
    click = ("click", {"name": "Harbour", "role": "tab"}, "- heading: Harbour")
    other = acted(("click", {"name": "Submit", "role": "utton"}, "Error: no such role"), click, CANCEL)
    assert "mended_later" not in rules(other, 1)
    mended = acted(
        ("click", {"name": "Submit", "role": "utton"}, "Error: no such role"),
        ("click", {"name": "Submit", "role": "button"}, "done and sent"),
    )
    assert "mended_later" in rules(mended, 1)


def test_an_equal_call_is_no_repeat_after_a_change_or_after_all_was_put_back() -> None:
    wait = ("wait", {"seconds": 1}, "- button: Next page")
    click = ("click", {"name": "Next page"}, "- heading: The end")
    assert rules(acted(wait, wait, click), 2) == {"same_call_again"}
    told = made(acted(wait, wait, click), 2)
    assert told["same_call"] == {"n": "one step"} and "nothing_moved" in told
    assert "same_call_again" not in rules(acted(wait, wait, click, between=1), 3)
    assert "same_call_again" not in rules(acted(wait, ("wait", {"seconds": 9}, "- button: Later"), wait, click), 3)
    # A look-up in between changes nothing.
    assert "same_call_again" in rules(acted(wait, FIND, wait, click), 3)
    assert "nothing_moved" not in made(acted(wait, FIND, wait, click), 3, "same_call_again")


def test_merits_say_where_a_value_came_from_and_what_came_of_the_call() -> None:
    run = acted(FIND, LIST, CANCEL)
    first, second = made(run, 1, "asked_value"), made(run, 2, "grounded_value")
    assert first["asked_with"] == {"x": "ada.grau@example.org", "q": "I am ada.grau@example.org"}
    assert first["gave"] == {"y": "C43827", "jg": "calling list_trips with customer id C43827",
                             "later": "with the very next step"}  # fmt: skip
    assert second["was_read"]["x"] == "C43827" and second["not_asked"] == {"x": "C43827"}
    assert second["gave"]["y"] == "B43828"


def test_a_call_of_which_nothing_came_or_that_was_put_back_is_no_merit() -> None:
    idle = ("list_trips", {"customer_id": "C43827"}, "[]")
    run = acted(FIND, idle, ("wait", {"seconds": 1}, "ok then"), ("cancel_trip", {"trip_id": "x"}, "all done"))
    assert "grounded_value" not in rules(run, 2)
    back = acted(FIND, LIST, ("wait", {"seconds": 1}, "ok then"), between=2)
    assert "grounded_value" not in rules(back, 2) and "grounded_value" in rules(acted(FIND, LIST), 2)


@pytest.mark.parametrize("name", ["tools", "browser"])
def test_every_quote_stands_in_its_run_and_every_kind_of_call_has_a_case(name: str) -> None:
    offered = 0
    for run in read_trajectories(WORLDS / f"{name}.jsonl.gz", origin=Origin.SYNTHETIC):
        texts = [run.task, *(step.observation for step in run.steps)]
        for proposal in propose(run, FloorSettings()):
            offered += len(proposal.reasons)
            for reason in proposal.reasons:
                quotes = [q for q in re.findall("“(.+?)”", reason) if "rule" not in reason]
                assert all(any(q in text for text in texts) for q in quotes), reason
                assert not reason.endswith(".") and "{" not in reason
    assert offered > 80


def test_labels_of_the_rules_are_those_of_replay_on_the_sample() -> None:
    """Judged on runs of seeds on which no rule was made: of 605 labels 593 were right (docs/LOG.md)."""
    right = wrong = 0
    for name in ("tools", "browser"):
        for run in read_trajectories(WORLDS / f"{name}.jsonl.gz", origin=Origin.SYNTHETIC):
            for finding in findings_of(run):
                if (truth := finding.turn.step.optimal) is not None:
                    right += (finding.label == "good") == truth
                    wrong += (finding.label == "good") != truth
    assert right > 150 and wrong <= 0.03 * (right + wrong)


def test_the_mark_of_a_picture_proves_nothing() -> None:
    for run in read_trajectories(WORLDS / "browser.jsonl.gz", origin=Origin.SYNTHETIC):
        rarity = Rarity.of(run, FloorSettings())
        assert not [e.quote for s in run.steps for e in telling_quotes(s, rarity) if "png" in e.quote]


def test_a_cause_calls_a_line_what_it_is_earlier_later_or_the_deed_itself() -> None:
    seen = set()
    for name in ("tools", "browser"):
        for run in read_trajectories(WORLDS / f"{name}.jsonl.gz", origin=Origin.SYNTHETIC):
            for proposal in propose(run, FloorSettings()):
                proof = proposal.evidence[-1]
                if proof.step_idx < proposal.step:
                    assert not re.search("later|led up|fruit|paid off|confirms", proposal.cause), proposal.cause
                    seen.add((proposal.label, "earlier"))
                elif proof.step_idx == proposal.step and proof.field == "tool_call":
                    assert not re.search("fruit|paid off|confirms|earned|came of it", proposal.cause), proposal.cause
                    seen.add((proposal.label, "deed"))
    assert {("good", "earlier"), ("good", "deed"), ("bad", "earlier")} <= seen


def test_every_wording_is_one_sentence_part_with_the_slots_of_its_kind() -> None:
    for kind, texts in WORDINGS.items():
        assert len(set(texts)) == len(texts) >= 3, kind
        for text in texts:
            assert text[0].islower() or text[0] in "“{"
            assert not text.endswith(".") and "because" not in text
