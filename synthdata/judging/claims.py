"""A reflection taken apart into what a judge can check: (step, quote, claim) triples, and the steps as it sees them.

Text that comes from a log or from a model is made canonical before it is shown, and quotes are looked for in that form.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from synthdata.judging.floor import canonical
from synthdata.records import Reflection, Step, Trajectory
from synthdata.text.prompt_safety import neutralize

Kind = Literal["cause", "label", "lesson"]
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# Characters shown on each side of a quote that stands beyond what is shown of its field anyway.
_AROUND = 200
_SAID = {"good": "The agent did well in step {idx}.", "bad": "The agent made a mistake in step {idx}."}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a reflection says of a step, with the quote that it offers as proof."""

    step: int
    quote: str
    text: str
    kind: Kind


def claims_of(review: Reflection) -> tuple[Claim, ...]:
    """What the reflection claims: the cause, each label other than neutral and unknown, the lesson; never empty.

    Proof of a step is its own first quote, else the first quote of all; a claim without any quote has an empty one.
    """
    own = {item.step_idx: item for item in reversed(review.evidence)}
    first = review.evidence[0] if review.evidence else None
    focus = own.get(review.focus) if review.focus is not None else None
    proof = focus or first
    step = proof.step_idx if proof is not None else (review.focus or 0)
    quote = proof.quote if proof is not None else ""
    claims = [Claim(step, quote, review.cause, "cause")] if review.cause.strip() else []
    for item in review.steps:
        if item.label in _SAID:
            shown = own.get(item.idx)
            claim = _SAID[item.label].format(idx=item.idx)
            claims.append(Claim(item.idx, shown.quote if shown else quote, claim, "label"))
    return (*claims, Claim(step, quote, review.lesson.text, "lesson"))


def presentable(text: str) -> str:
    """NFKC, without invisible characters and HTML comments, role tags and fences defused."""
    return neutralize(_COMMENT.sub(" ", canonical(text)))


def show_step(step: Step, limit: int, quotes: Sequence[str] = ()) -> str:
    """The fields of a step in canonical form, each cut at `limit` characters with a note of how many are missing.

    What stands around one of the quotes is shown wherever it stands, or words put before it could push it out of sight.
    Further lines of a field are indented, so that none can pass for the beginning of a step or of the list of claims.
    """
    fields = (("thought", step.thought), ("action", step.action), ("tool_call", step.call_text))
    lines = [f"step {step.idx} ({step.role})"]
    for name, text in (*fields, ("observation", step.observation)):
        shown = presentable(text)
        if shown.strip():
            lines.append(f"{name}: " + "\n  ".join(_cut(shown, limit, quotes).splitlines()))
    return "\n".join(lines)


def _cut(text: str, limit: int, quotes: Sequence[str]) -> str:
    shown, end = text[:limit], min(limit, len(text))
    spans = sorted((at, len(quote)) for quote in map(presentable, quotes) if (at := text.find(quote)) >= 0)
    for at, length in spans:
        if at + length > end:
            start, stop = max(end, at - _AROUND), min(len(text), at + min(length, limit) + _AROUND)
            shown += (f" [{start - end:,} characters left out] " if start > end else "") + text[start:stop]
            end = stop
    return shown + (f" [{len(text) - end:,} more characters]" if end < len(text) else "")


def shown_steps(run: Trajectory, claims: tuple[Claim, ...], limit: int) -> dict[int, str]:
    """What a judge is shown: the steps that the claims name, by index, in order; a step that is not there is absent."""
    quotes: dict[int, list[str]] = {}
    for claim in claims:
        quotes.setdefault(claim.step, []).append(claim.quote)
    return {step.idx: show_step(step, limit, quotes[step.idx]) for step in run.steps if step.idx in quotes}


def quoted_in(quote: str, text: str, least_tokens: int) -> bool:
    """Whether a quote stands in a shown text word for word, white space and case aside, and is long enough to prove."""
    quote_text, shown = _plain(presentable(quote)), _plain(text)
    return len(re.findall(r"\w+", quote_text)) >= max(1, least_tokens) and quote_text in shown


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
