"""What gpt-oss writes into one turn: thoughts, words and calls in channels, each between marks (Harmony)."""

from __future__ import annotations

import re

from synthdata.sources.call_forms import Call
from synthdata.sources.literals import json_at

_PIECE = re.compile(
    r"(?:<\|start\|>assistant)?(?: ?to=(?P<before>[\w.\-]{1,200}))?<\|channel\|>(?P<channel>analysis|commentary|final)"
    r"(?: ?to=(?P<to>[\w.\-]{1,200}))?\s{0,20}(?:(?:<\|constrain\|>\s{0,20})?\w{1,20}\s{0,20})?<\|message\|>"
    r"(?P<body>.*?)(?:<\|(?:end|call|return)\|>\s*|\Z)",
    re.DOTALL,
)
_ANSWER = re.compile(
    r"<\|start\|>[\w.\-]{1,200} to=assistant<\|channel\|>\w{1,20}<\|message\|>(.*?)(?:<\|end\|>)?\s*\Z", re.DOTALL
)


def channels(text: str) -> tuple[str, str, list[Call]] | None:
    """The thoughts, the words and the calls of a turn that is nothing but channels; None of any other.

    Raises:
        ValueError: the arguments of a function are no JSON.
    """
    at, thoughts, words, calls = len(text) - len(text.lstrip()), list[str](), list[str](), list[Call]()
    while at < len(text):
        piece = _PIECE.match(text, at)
        if piece is None:
            return None
        at, body, to = piece.end(), piece["body"].strip(), piece["before"] or piece["to"]
        if to:
            calls.append({"name": to.removeprefix("functions."), "arguments": _arguments(to, body)})
        else:
            (thoughts if piece["channel"] == "analysis" else words).append(body)
    return ("\n".join(thoughts), "\n".join(words), calls) if thoughts or words or calls else None


def _arguments(to: str, body: str) -> object:
    """The arguments of a call: JSON of a function; what a tool of the model's own takes may be free text."""
    try:
        value, end = json_at(body, 0)
        if isinstance(value, dict) and not body[end:].strip():
            return value
    except ValueError:
        pass
    if to.startswith("functions."):
        raise ValueError("the arguments of a call are no JSON object")
    return {"input": body}


def channel_answer(text: str) -> str | None:
    """What a tool gave back, without the marks around it; None of any other text."""
    found = _ANSWER.match(text)
    return found[1].strip() if found else None
