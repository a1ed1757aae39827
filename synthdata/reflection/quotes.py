"""Which spans of a run can serve as evidence: cut by a stated rule, and only those that single out their step.

A quote counts when it has enough tokens and its rarest token occurs in few steps (docs/design.md, section 10), so that
a phrase that fits every step supports nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import get_args

from synthdata.records import Evidence, EvidenceField, Step, Trajectory
from synthdata.settings import FloorSettings
from synthdata.text.unicode import UNQUOTABLE

FIELDS: tuple[EvidenceField, ...] = get_args(EvidenceField)
MAX_QUOTE_CHARS = 160
_TOKEN = re.compile(r"\w+")
# A span ends with a line or a sentence; a point inside a number or a file name ends none.
_SPAN = re.compile(r"\S[^\n]*?(?:[.!?](?=\s)|(?=\n)|$)", re.MULTILINE)
_UNQUOTABLE = re.compile(f"[{UNQUOTABLE}]")
# What stands for a file and says nothing of what it shows.
_MARK = re.compile(r"\[(?:picture \d+x\d+(?: [a-p]{12})?|[a-z]+/[\w.+-]+: [^\]\s]+)\]")


def quote_tokens(text: str) -> list[str]:
    """The tokens that the evidence rule counts: runs of letters, digits and underscores, lower case."""
    return [t.lower() for t in _TOKEN.findall(text)]


def field_text(step: Step, field: EvidenceField) -> str:
    """The text that offsets of evidence on a field of a step refer to."""
    if field == "observation":
        return step.observation
    if field == "tool_call":
        return step.call_text
    return step.thought if field == "thought" else step.action


@dataclass(frozen=True)
class Rarity:
    """How many steps of a run hold each token, in any field, and how many the rarest token of a quote may be in."""

    counts: Counter[str]
    limit: int
    tokens: int

    @classmethod
    def of(cls, trajectory: Trajectory, floor: FloorSettings) -> Rarity:
        """Count the tokens of a run; the limit is max(1, floor(share * steps))."""
        counts: Counter[str] = Counter()
        for step in trajectory.steps:
            counts.update({t for field in FIELDS for t in quote_tokens(field_text(step, field))})
        return cls(counts, max(1, int(floor.evidence_step_share * len(trajectory.steps))), floor.evidence_tokens)

    def is_telling(self, quote: str) -> bool:
        """Whether a quote is long enough and rare enough to support a label."""
        tokens = quote_tokens(quote)
        return len(tokens) >= max(1, self.tokens) and min(self.counts[t] for t in tokens) <= self.limit


def spans(step: Step, field: EvidenceField) -> list[tuple[int, int]]:
    """Lines and sentences of a field, in order; longer ones are cut at a space within `MAX_QUOTE_CHARS`.

    The mark of a picture is none: it singles its step out and proves nothing.
    """
    text = field_text(step, field)
    matches: list[tuple[int, int]] = []
    for match in _SPAN.finditer(text):
        start, end = match.span()
        while end - start > MAX_QUOTE_CHARS:
            cut = text.rfind(" ", start + 1, start + MAX_QUOTE_CHARS)
            stop = cut if cut > start else start + MAX_QUOTE_CHARS
            matches.append((start, stop))
            start = stop + (1 if cut > start else 0)
        if end > start:
            matches.append((start, end))
    quotable = [(a, b) for a, b in matches if text[a:b].strip() and not _MARK.fullmatch(text[a:b].strip())]
    return [(a, b) for a, b in quotable if not _UNQUOTABLE.search(text[a:b])]


def quote(step: Step, field: EvidenceField, span: tuple[int, int]) -> Evidence:
    """The evidence record of a span."""
    start, end = span
    return Evidence(step.idx, field, field_text(step, field)[start:end], start, end)


def telling_quotes(step: Step, rarity: Rarity) -> list[Evidence]:
    """All spans of a step that may support a label: observation first, then calls, action and thought."""
    order: tuple[EvidenceField, ...] = ("observation", "tool_call", "action", "thought")
    quotes = [quote(step, field, span) for field in order for span in spans(step, field)]
    return [e for e in quotes if rarity.is_telling(e.quote)]
