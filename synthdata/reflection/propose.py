"""The rules' proposals for a run: judged step, evidence, cause, counterfactual and fact, ready to be put into words.

Reads the text of the run alone; `Step.optimal` is ground truth and has no part here. A proposal without a telling
quote is not made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

from synthdata.records import CauseCode, Evidence, Trajectory, content_hash, picked_by_hash
from synthdata.reflection.causes import CAUSES
from synthdata.reflection.facts import FACTS
from synthdata.reflection.findings import Finding
from synthdata.reflection.quotes import Rarity, quote, spans, telling_quotes
from synthdata.reflection.reading import INFO_VERBS, Turn, content_words, read_turns
from synthdata.reflection.rules_calls import call_findings, good_calls
from synthdata.reflection.rules_play import good_findings, idle_findings, idle_moves
from synthdata.reflection.rules_talk import talk_findings
from synthdata.reflection.speech import gerund, imperative, shorten
from synthdata.reflection.verified import reasons
from synthdata.reflection.wordings import sentences
from synthdata.settings import FloorSettings
from synthdata.text.prompt_safety import neutralize

# The rules that say most come first; looking around is half of all faults of a random player and teaches least.
_ORDER = (
    "claimed_over_failure", "corrected", "handed_over", "stopped_on_failure", "ignored_failure", "mended_later",
    "misplaced", "failed_then_left", "same_call_again", "undone", "strange", "uncalled", "wandering", "repeated",
    "examined_strange", "examined_needed", "inventory", "look", "mended", "grounded_value", "looked_first",
    "asked_value", "fetched", "opened", "as_asked", "walked", "resumed",
)  # fmt: skip
_FAILURES = frozenset({
    "claimed_over_failure", "stopped_on_failure", "ignored_failure", "mended_later", "failed_then_left", "mended",
})  # fmt: skip
# So many are offered of a step: a prompt stays short, and which ones are offered varies.
_MOST_REASONS = 4
_ERROR_HEAD = re.compile(r"^\W*(?:error|exception|fatal)\W*[:!]\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a rule says of one step, and that step and the better one in words, as things done and as orders.

    `better` is the better move verbatim and `better_reply` what it brought in the run; all empty where none is known.
    `reasons` are sentences that the run's own record verifies, to choose one of; `fact` is the rule's own.
    """

    rule: str
    group: Literal["play", "tool"]
    step: int
    label: Literal["good", "bad"]
    cause_code: CauseCode
    cause: str
    fact: str
    done: str
    done_order: str
    order: str
    better_done: str
    better: str
    better_reply: str
    evidence: tuple[Evidence, ...]
    reasons: tuple[str, ...] = ()


def propose(trajectory: Trajectory, floor: FloorSettings, sample: int = 0) -> list[Proposal]:
    """All proposals for a run, the ones to take first in front.

    Faults and merits alternate, rules that have not been heard come before others; `sample` varies the wording.
    Merits are proposed of successful runs only: of a failed one they would be refused (docs/design.md, section 10).
    """
    rarity = Rarity.of(trajectory, floor)
    proposals = [p for f in findings_of(trajectory) if (p := _worded(trajectory, f, rarity, sample))]
    bad = _in_turn([p for p in proposals if p.label == "bad"], trajectory)
    good = _in_turn([p for p in proposals if p.label == "good"], trajectory)
    return [p for pair in zip_longest(bad, good) for p in pair if p is not None]


def faulty_steps(trajectory: Trajectory) -> dict[int, str]:
    """Every step that a rule holds for bad, with the rule, whether or not it can be proven and bettered."""
    turns = read_turns(trajectory)
    idle = {turns[i].step.idx: rule for i, rule in idle_moves(turns, trajectory.task).items()}
    calls = {f.turn.step.idx: f.rule for f in call_findings(turns, trajectory.success) if f.label == "bad"}
    return {**calls, **idle}


def findings_of(trajectory: Trajectory) -> list[Finding]:
    """What all rules find in a run, faults first; merits only of a run that succeeded, and of steps without a fault."""
    turns = read_turns(trajectory)
    findings: list[Finding] = [*idle_findings(turns, trajectory.task), *call_findings(turns, trajectory.success)]
    findings += talk_findings(turns, trajectory)
    if trajectory.success is True:
        findings = list(chain(findings, good_findings(turns, trajectory.task), good_calls(turns, trajectory)))
    else:
        findings = [f for f in findings if f.label == "bad"]
    blamed = {f.turn.at for f in findings if f.label == "bad"}
    return [f for f in findings if f.label == "bad" or f.turn.at not in blamed]


def _in_turn(proposals: list[Proposal], trajectory: Trajectory) -> list[Proposal]:
    """The rules in their order, one proposal each, then each one's second, and so on; within a rule by hash."""
    by_rule: dict[str, list[Proposal]] = {}
    for p in sorted(proposals, key=lambda p: content_hash(trajectory.id, p.rule, str(p.step))):
        by_rule.setdefault(p.rule, []).append(p)
    lists = [by_rule[rule] for rule in _ORDER if rule in by_rule]
    return [p for layer in zip_longest(*lists) for p in layer if p is not None]


def _worded(trajectory: Trajectory, finding: Finding, rarity: Rarity, sample: int) -> Proposal | None:
    proof = _proof(finding, rarity)
    if proof is None:
        return None
    turn, better = finding.turn, finding.better
    seed = (trajectory.id, str(turn.step.idx), finding.rule, str(sample))
    values = {
        "g": gerund(turn.raw) if turn.kind != "message" else _message_deed(finding),
        "c": imperative(better.raw, against=turn.raw) if better else "",
        "cg": gerund(better.raw) if better else "",
        "x": finding.about,
        "lx": gerund(finding.about),
        "q": _short_quote(_said(finding, proof)) or _short_quote(proof.quote),
        "lg": gerund(finding.shown.raw),
    }
    # These words enter raw prompts: whatever in them looks like a role tag is defused.
    values = {name: neutralize(text) for name, text in values.items()}
    slots = {**values, "q": neutralize(shorten(proof.quote, 120))}
    cause = _fill(CAUSES[_cause_group(finding, proof)], slots, "cause", seed)
    fact = _fill(FACTS[finding.rule], values, "fact", seed)
    if not cause or not fact:
        return None
    return Proposal(
        rule=finding.rule,
        group="play" if turn.kind == "move" else "tool",
        step=turn.step.idx,
        label=finding.label,
        cause_code=finding.cause_code,
        cause=cause,
        fact=fact,
        done=values["g"],
        done_order=neutralize(imperative(turn.raw)) if turn.kind != "message" else "",
        order=values["c"],
        better_done=values["cg"],
        better=better.raw if better else "",
        better_reply=shorten(better.reply, 200) if better else "",
        evidence=_with_action(turn, proof),
        reasons=_reasons(trajectory, finding, values, (proof.quote, seed)),
    )


def _reasons(
    trajectory: Trajectory, finding: Finding, values: dict[str, str], around: tuple[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """What may be given as the reason: of moves and calls what the record verifies, of messages what the rule checked.

    The quote that the cause shows is not quoted twice.
    """
    shown, seed = around
    if finding.turn.kind != "message":
        made = sentences(reasons(trajectory, finding), seed)
    else:
        usable = [t for t in FACTS[finding.rule] if all(values.get(name) for name in re.findall(r"\{(\w+)\}", t))]
        usable.sort(key=lambda t: content_hash(*seed, "reason", t))
        made = [t.format(**values) for t in usable[:_MOST_REASONS]]
    made = [neutralize(text) for text in made if "because" not in text and shown not in text]
    made.sort(key=lambda text: content_hash(*seed, "offered", text))
    return tuple(made[:_MOST_REASONS])


def _message_deed(finding: Finding) -> str:
    deeds = {"claimed_over_failure": "reporting success", "stopped_on_failure": "ending the run"}
    return deeds.get(finding.rule) or f"writing “{shorten(finding.turn.text, 50)}”"


def _said(finding: Finding, proof: Evidence) -> str:
    """What the fact quotes: the failing line itself, even where a neighbour of it is the better evidence."""
    shown = finding.shown
    failing = finding.rule in _FAILURES and shown.failure is not None
    return shown.reply[slice(*shown.failure)] if failing and shown.failure else proof.quote


def _cause_group(finding: Finding, proof: Evidence) -> str:
    if finding.label == "good":
        if proof.step_idx != finding.turn.step.idx:
            return "good_earlier" if proof.step_idx < finding.turn.step.idx else "good_later"
        # What the turn itself wrote is nothing that it brought.
        return "good" if proof.field == "observation" or finding.turn.kind == "move" else "deed"
    if proof.step_idx != finding.turn.step.idx:
        return "told" if proof.step_idx < finding.turn.step.idx else "elsewhere"
    if finding.rule in _FAILURES:
        return "failed"
    if finding.turn.kind != "move":
        return "idle"
    if proof.field != "observation":
        return "deed"
    if finding.turn.verb not in INFO_VERBS:
        return "idle"
    return "idle_whole" if proof.quote.strip() == finding.turn.reply.strip() else "idle_read"


def _fill(templates: Sequence[str], values: dict[str, str], what: str, seed: tuple[str, ...]) -> str:
    """The template that the seed's hash picks among those whose placeholders all have a value, else empty."""
    usable = [t for t in templates if all(values.get(name) for name in re.findall(r"\{(\w+)\}", t.lower()))]
    if not usable:
        return ""
    chosen = picked_by_hash(usable, *seed, what)
    text = chosen.format(**values, G=values["g"][:1].upper() + values["g"][1:])
    return text


def _short_quote(text: str) -> str:
    return shorten(_ERROR_HEAD.sub("", text), 110).strip(" .\"'").replace("'", "").replace('"', "")


def _proof(finding: Finding, rarity: Rarity) -> Evidence | None:
    """The quote that carries a finding.

    The failing line, else a telling quote of the step, of the proof, of the better move; those that name what it is
    about first, then the rarest.
    """
    if finding.shown.failure is not None and finding.rule in _FAILURES:
        return _failing_line(finding.shown, rarity)
    turns = [finding.turn, finding.shown, *([finding.better] if finding.better else [])]
    if finding.label == "good":
        turns = [finding.shown, finding.turn]
    about = set(content_words(finding.about))
    for turn in turns:
        quotes = telling_quotes(turn.step, rarity)
        if quotes:
            # The deed itself shows nothing that it brought.
            deed = finding.label == "good" or finding.turn.kind == "move"
            last = ("thought", "action", "tool_call") if deed else ("thought",)
            return min(quotes, key=lambda e: (e.field in last, -len(about & set(content_words(e.quote))), e.start))
    return None


def _failing_line(turn: Turn, rarity: Rarity) -> Evidence | None:
    """A telling quote as near as can be to the line that says what failed, else any telling quote of the step."""
    start, end = turn.failure or (0, 0)
    near = sorted(
        telling_quotes(turn.step, rarity), key=lambda e: (e.field != "observation", max(start - e.end, e.start - end))
    )
    return near[0] if near else None


def _with_action(turn: Turn, proof: Evidence) -> tuple[Evidence, ...]:
    """The proof and, from another step, the taken action too, so that the record shows both."""
    if proof.step_idx == turn.step.idx:
        return (proof,)
    own = spans(turn.step, turn.field)
    return (quote(turn.step, turn.field, own[0]), proof) if own else (proof,)
