"""Answers of tools beside their calls: which call each is of, by its id or its place, and the order of their calls.

Most chat templates and ShareGPT print no ids, so that order alone tells what an answer is of; others look a call up by
its id and stop, or take a wrong one, where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = dict[str, Any]


def places(ids: Sequence[str], named: Sequence[str | None]) -> list[int]:
    """Of each answer the place of its call: of the one that it names, else of the next that no answer names.

    `ids` are those of the calls. An answer beyond the calls is one of the last.
    """
    free = iter([i for i, identity in enumerate(ids) if identity not in named])
    return [ids.index(one) if one in ids else next(free, len(ids) - 1) for one in named]


def with_ids(turns: Sequence[Message], first: int = 0) -> list[Message]:
    """The turns with an id in every call, and in every answer to calls the id of its own.

    What has no id gets one by the place of its call, `call_TURN_NUMBER`, the first turn being number `first`. An answer
    that names a call of another turn, as those of slow tools do, keeps that id.
    """
    made = list(turns)
    known = {call.get("id") for turn in turns for call in turn.get("tool_calls") or ()} - {None}
    for i, answers in _called(turns):
        calls = [_named(call, f"call_{first + i}_{number}") for number, call in enumerate(turns[i]["tool_calls"])]
        made[i] = turns[i] | {"tool_calls": calls}
        ids = [call["id"] for call in calls]
        own = [j for j in answers if (name := turns[j].get("tool_call_id")) in ids or name not in known]
        for j, place in zip(own, places(ids, [turns[j].get("tool_call_id") for j in own]), strict=True):
            made[j] = turns[j] | {"tool_call_id": ids[place]}
    return made


def in_order_of_calls(turns: Sequence[Message]) -> list[Message]:
    """The turns, answers to calls that were made at once in the order of these, those to other calls behind them."""
    made = list(turns)
    for i, answers in _called(turns):
        order = {call["id"]: place for place, call in reversed([*enumerate(turns[i]["tool_calls"])])}
        last = len(order)
        made[answers.start : answers.stop] = sorted(
            (turns[j] for j in answers), key=lambda turn: order.get(turn["tool_call_id"], last)
        )
    return made


def paired_by_order(turns: Sequence[Message]) -> bool:
    """Whether every answer that names a call stands at its place, so that it is clear without ids which is of which."""
    return all(
        len(answers) <= len(turns[i]["tool_calls"])
        and all(
            turns[j].get("tool_call_id") in (None, call.get("id"))
            for j, call in zip(answers, turns[i]["tool_calls"], strict=False)
        )
        for i, answers in _called(turns)
    )


def unanswered(turns: Sequence[Message]) -> bool:
    """Whether a call before the last turn has no answer right behind it."""
    return any(
        {call["id"] for call in turns[i]["tool_calls"]} - {turns[j].get("tool_call_id") for j in answers}
        for i, answers in _called(turns)
        if i + 1 < len(turns)
    )


def answers_nothing(turns: Sequence[Message]) -> bool:
    """Whether a tool answers what was not called right before it."""
    asked = {j: {call["id"] for call in turns[i]["tool_calls"]} for i, answers in _called(turns) for j in answers}
    return any(
        turn["role"] == "tool" and turn.get("tool_call_id") not in asked.get(i, ()) for i, turn in enumerate(turns)
    )


def _called(turns: Sequence[Message]) -> Iterator[tuple[int, range]]:
    """The places of turns with calls, each with those of the answers right behind it."""
    for i, turn in enumerate(turns):
        if turn["role"] == "assistant" and turn.get("tool_calls"):
            end = next((j for j in range(i + 1, len(turns)) if turns[j]["role"] != "tool"), len(turns))
            yield i, range(i + 1, end)


def _named(call: Mapping[str, Any], name: str) -> Message:
    own = call.get("id")
    return dict(call) if isinstance(own, str) and own else {"id": name, **{k: v for k, v in call.items() if k != "id"}}
