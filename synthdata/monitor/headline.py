"""The one sentence that `status`, the pages and a notebook begin with: healthy or not, since when, what to do next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from synthdata.text.names import alarm_name, reason_name, sentence

Level = Literal["green", "amber", "red"]
# What helps against a narrowing is told in full by the page that this names; more alarms than these are counted.
_NAMED = 4
_HELP = "`synthdata docs operations` says what helps"


@dataclass(frozen=True, slots=True)
class Headline:
    """How a corpus stands: its level, a few words, what was measured, and what to do next."""

    level: Level
    words: str
    says: str
    next: str

    def about(self, corpus: Path) -> Headline:
        """The same with the corpus' own name in the command that comes next, so that it can be copied."""
        return replace(self, next=self.next.replace("CORPUS", str(corpus)))

    def __str__(self) -> str:
        return f"{self.words}. {self.says} Next: {self.next}."


def headline(facts: dict[str, Any]) -> Headline:
    """The sentence over the facts of `status`.

    A trend is compared with the corpus' own first rounds, so that "healthy" before those are complete means less, and
    says so.
    """
    last, needed = int(facts["round"]), int(facts["healthy_rounds"])
    now = [alarm for alarm in facts["alarms"] if alarm["round"] == last]
    if facts["frozen"]:
        return Headline(
            "red",
            "Frozen: nothing is exported",
            f"{sentence(facts['frozen_because'])}",
            "look at the last rounds, then `synthdata unfreeze CORPUS --reason WHY`",
        )
    idle = facts.get("schedule", {}).get("alarm", "")
    if idle and not any(alarm["level"] == "red" for alarm in now):
        return Headline(
            "amber",
            "The schedule makes no rounds",
            sentence(idle),
            "mend what the last tick says; the next tick then takes the same logs",
        )
    if not last:
        return Headline(
            "amber",
            "No round yet",
            "Real data is measured; nothing was decided.",
            "`synthdata admit CORPUS FILE` for texts, `synthdata run CORPUS --trajectories LOGS` for agent logs",
        )
    if now:
        red = any(alarm["level"] == "red" for alarm in now)
        alarms = [alarm for alarm in now if alarm["level"] == "red"] or now
        since = min(_since(facts["alarms"], alarm["tile"]) for alarm in alarms)
        return Headline(
            "red" if red else "amber",
            "Red alarm" if red else "Worth a look",
            f"{_listed(alarms)} since round {since}, measured over {_rounds(last)}.",
            f"look at round {last} with `synthdata dashboard CORPUS` before the next export; {_HELP}"
            if red
            else f"make another round and look again; {_HELP}",
        )
    if not facts["in_corpus"]:
        reason = next(iter(facts["rejected"]), None)
        why = f"; most often: {reason_name(reason).lower()}" if reason else ""
        return Headline(
            "amber",
            "Nothing admitted yet",
            f"{facts['candidates']:,} candidates in {_rounds(last)}{why}.",
            "`synthdata explain CORPUS ID` shows one decision; " + _HELP,
        )
    if facts["starved"]:
        return Headline("amber", "The last round starved", sentence(facts["starved"]), _HELP)
    if last <= needed:
        return Headline(
            "green",
            "Healthy so far",
            f"No alarm in {_rounds(last)}; a trend can be seen from round {needed + 1} on.",
            "`synthdata export CORPUS OUT` writes a training set, or make another round",
        )
    return Headline(
        "green",
        "Healthy",
        f"{_quiet(facts['alarms'], last)}, measured over {_rounds(last)}.",
        "`synthdata export CORPUS OUT` writes a training set, or make another round",
    )


def _quiet(alarms: list[dict[str, Any]], last: int) -> str:
    """Since when no alarm rings."""
    earlier = max((int(alarm["round"]) for alarm in alarms), default=0)
    return f"No alarm since round {earlier + 1}" if earlier else f"No alarm in any round up to round {last}"


def _listed(now: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(alarm_name(alarm["tile"]) for alarm in now))
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} others"]
    joined = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{joined} {'rings' if len(names) == 1 else 'ring'}"


def _since(alarms: list[dict[str, Any]], tile: str) -> int:
    return min(int(alarm["round"]) for alarm in alarms if alarm["tile"] == tile)


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"
