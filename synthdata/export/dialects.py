"""The same rows in the dialects of trainers that do not read OpenAI messages: ShareGPT and nanochat.

Neither has a weight for a turn. So a history in which a bad step stands is told as one turn of the other side: no
bad step is ever an assistant's turn, whatever a trainer masks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from synthdata.export.conversation import Message, message_text
from synthdata.export.kinds import Row

_NAMES = {"assistant": "Assistant", "user": "User", "tool": "Tool", "system": "System"}
_OTHER_SIDE = {"human", "observation"}


def sharegpt(prompt: Sequence[Message], completion: Message, tools: str, *, fold: bool) -> Row:
    """`{"conversations", "system", "tools"}`: human or observation at odd places, gpt or function_call at even ones."""
    system, turns = _sharegpt_prompt(prompt, fold=fold)
    row: Row = {"conversations": [*turns, _sharegpt_turn(completion)]}
    return row | {"system": system, "tools": tools}


def sharegpt_preference(row: Row, *, fold: bool) -> Row:
    """`{"conversations", "chosen", "rejected", ...}`, the two answers one turn each."""
    system, turns = _sharegpt_prompt(row["prompt"], fold=fold)
    pair = {"chosen": _sharegpt_turn(row["chosen"][0]), "rejected": _sharegpt_turn(row["rejected"][0])}
    return {"conversations": turns, **pair, "system": system, "tools": row.get("tools", "")}


def sharegpt_kto(row: Row, *, fold: bool) -> Row:
    """A conversation with `kto_tag`, true where its last turn is the right thing to do."""
    made = sharegpt(row["prompt"], row["completion"][0], row.get("tools", ""), fold=fold)
    return made | {"kto_tag": row["label"]}


def nanochat(prompt: Sequence[Message], completion: Message) -> Row:
    """`{"messages"}` of at most one system turn, one user turn and one assistant turn, all plain text.

    nanochat trains on every assistant turn, so all that came before is told within the user's.
    """
    system, rest = _without_system(prompt)
    told: list[Row] = [{"role": "system", "content": system}] if system else []
    told.append({"role": "user", "content": _told(rest)})
    return {"messages": [*told, {"role": "assistant", "content": message_text(completion)}]}


def _sharegpt_prompt(prompt: Sequence[Message], *, fold: bool) -> tuple[str, list[Row]]:
    system, rest = _without_system(prompt)
    if fold:
        return system, [{"from": "human", "value": _told(rest)}]
    turns: list[Row] = []
    for message in rest:
        turn = _sharegpt_turn(message)
        other = turn["from"] in _OTHER_SIDE
        if (
            turns
            and (turns[-1]["from"] in _OTHER_SIDE) == other
            and (other or turns[-1]["from"] == turn["from"] == "gpt")
        ):
            turns[-1]["value"] += f"\n\n{turn['value']}"
            continue
        if not other and (not turns or turns[-1]["from"] not in _OTHER_SIDE):
            turns.append({"from": "human" if not turns else "observation", "value": ""})
        turns.append(turn)
    if not turns or turns[-1]["from"] not in _OTHER_SIDE:
        turns.append({"from": "observation", "value": ""})
    return system, turns


def _sharegpt_turn(message: Message) -> Row:
    if message["role"] == "assistant":
        calls = message.get("tool_calls")
        thought = message.get("reasoning_content")
        if not calls:
            return {"from": "gpt", "value": "\n".join(part for part in (thought, message["content"]) if part)}
        named = [{"name": c["function"]["name"], "arguments": c["function"]["arguments"]} for c in calls]
        words = "\n".join(part for part in (thought, message["content"]) if part)
        value = json.dumps(named[0] if len(named) == 1 else named, ensure_ascii=False)
        # The reader of this format takes words before a call as thought, between these marks.
        return {"from": "function_call", "value": f"<think>\n{words}\n</think>\n\n{value}" if words else value}
    return {"from": "observation" if message["role"] == "tool" else "human", "value": message["content"]}


def _without_system(prompt: Sequence[Message]) -> tuple[str, list[Message]]:
    """What leading system messages say, and the rest."""
    first = next((i for i, message in enumerate(prompt) if message["role"] != "system"), len(prompt))
    return "\n\n".join(message["content"] for message in prompt[:first]), list(prompt[first:])


def _told(rest: Sequence[Message]) -> str:
    """A history as one text; a single message is its own words."""
    if len(rest) == 1:
        return message_text(rest[0])
    return "\n\n".join(f"{_NAMES[message['role']]}: {message_text(message)}" for message in rest)
