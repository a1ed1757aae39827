"""Attacks on the rules and the judge: how many of each family got through, with exact intervals (`synthdata redteam`).

Genuine records are made from real runs by the rules that propose lessons; attacks are made of them in
`synthdata.redteam`. What passes here would still meet the stages of similarity.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from metrics.proportion import exact_interval
from synthdata.errors import InputError
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.judging.consistency import Pair
from synthdata.protocols import Judge, Request
from synthdata.records import Reflection, Trajectory, content_hash
from synthdata.redteam import Attack, Family, Form
from synthdata.reflection import check_lesson, reflect, to_candidate
from synthdata.rounds.steps import check
from synthdata.settings import Recipe, Settings
from synthdata.similarity.exact import exact_key

CONFIDENCE = 0.95
# Looked at before giving up on distinct items of a family, as a multiple of the items wanted.
_PATIENCE = 50


@dataclass(frozen=True)
class Result:
    """What became of one family in one form.

    `hits` of `items` came to what must not be: an attack accepted, a verdict changed, a genuine text refused;
    `held_out_hits` of `held_out` are those whose templates no rule was written against. `reasons` counts refusals.
    """

    family: Family
    form: Form
    items: int
    hits: int
    held_out: int
    held_out_hits: int
    abstained: int
    reasons: dict[str, int] = field(default_factory=dict)
    got_through: tuple[str, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """Two-sided Clopper-Pearson interval of the share of hits."""
        return exact_interval(self.hits, self.items, CONFIDENCE)

    @property
    def broken(self) -> bool:
        """Whether rules alone should have held this and did not."""
        return self.form in self.family.held and self.hits > 0


def genuine_records(runs: Sequence[Trajectory], settings: Settings) -> list[Pair]:
    """Records on the runs as the framed reflector makes them, each lesson ending in the fact that a rule stated.

    They keep to the run by construction, and every quote in them is verbatim. Lessons that the wording rules of small
    models refuse (a fact that makes no end of a sentence) are left out.

    Raises:
        InputError: no rule finds anything to say of any of the runs.
    """
    by_id = {run.id: run for run in runs}
    framed = settings.with_value("recipe.reflection.reflector", "framed").with_value("recipe.reflection.samples", 2)
    reviews = reflect(runs, ScriptedGenerator(_told_fact, "rules"), framed.recipe, b"")
    reflections = [r for r in reviews if isinstance(r, Reflection) and not r.abstains]
    records = [(by_id[r.trajectory_id], r) for r in reflections if check_lesson(r, settings.recipe.reflection) is None]
    if not records:
        raise InputError(
            "no rule finds a fault or a merit in these runs, so there is nothing genuine to build attacks on"
        )
    return sorted(records, key=lambda pair: content_hash(pair[0].id, pair[1].lesson.text))


def _told_fact(request: Request) -> str:
    facts = [line[len("Fact: ") :] for line in request.messages[-1].content.splitlines() if line.startswith("Fact: ")]
    return f"{facts[-1][:1].lower()}{facts[-1][1:].rstrip('.')}."


def make_items(family: Family, form: Form, pool: Sequence[Pair], count: int) -> list[Attack]:
    """The first `count` items whose texts differ after the normalisation of the exact stage.

    Raises:
        InputError: the runs do not give so many.
    """
    by_text: dict[str, Attack] = {}
    stream = family.make(pool, random.Random(f"{family.id} {form}"), form)
    for number, attack in enumerate(stream):
        by_text.setdefault(exact_key(attack.text), attack)
        if len(by_text) >= count:
            return list(by_text.values())
        if number > _PATIENCE * count:
            break
    raise InputError(
        f"{family.id} {form}: only {len(by_text)} distinct items from these runs, {count} wanted; bring more runs"
    )


def attack(family: Family, form: Form, pool: Sequence[Pair], judge: Judge, recipe: Recipe, count: int) -> Result:
    """Make a family's items, put them before the rules and what is left before the judge, and count."""
    items = make_items(family, form, pool, count)
    grounded = family.expected != "same" or form == "carried"
    answers = verdicts([(item.run, item.review) for item in items], judge, recipe, grounded)
    twins = verdicts([(item.run, item.twin) for item in items if item.twin is not None], judge, recipe, grounded)
    clean = iter(twins)
    hits, held, abstained = [], 0, 0
    reasons: Counter[str] = Counter()
    for item, verdict in zip(items, answers, strict=True):
        other = next(clean) if item.twin is not None else ""
        hit = {"reject": verdict == "", "accept": verdict != "", "same": (verdict == "") != (other == "")}[
            family.expected
        ]
        hits += [item] if hit else []
        held += hit and item.held_out
        abstained += verdict == "judge_abstained"
        reasons.update([verdict] if verdict else [])
    return Result(
        family, form, len(items), len(hits), sum(item.held_out for item in items), held, abstained, dict(reasons),
        tuple(f"[{item.template}] {item.review.lesson.text}" for item in hits),
    )  # fmt: skip


def verdicts(pairs: Sequence[Pair], judge: Judge, recipe: Recipe, grounded: bool = True) -> list[str]:
    """The reason of refusal of each record, empty where rules and judge let it pass.

    Not `grounded`: as the rules see a plain text that no run stands behind.
    """
    # Two records may say the same on different evidence; the occurrence keeps their verdicts apart.
    candidates_of_pairs = [to_candidate(review, run) for run, review in pairs]
    candidates = [replace(candidate, occurrence=i) for i, candidate in enumerate(candidates_of_pairs)]
    refused = check(candidates, {run.id: run for run, _ in pairs} if grounded else {}, recipe)
    reasons = [str(refused[c.id].reason) if c.id in refused else "" for c in candidates]
    open_ = [i for i, reason in enumerate(reasons) if not reason]
    judged = judge.judge([pairs[i] for i in open_]) if open_ else []
    for i, judgement in zip(open_, judged, strict=True):
        reasons[i] = {"pass": "", "fail": "judge_rejected", "abstain": "judge_abstained"}[judgement.verdict]
    return reasons


def attack_all(
    families: Sequence[Family],
    pool: Sequence[Pair],
    judge: Judge,
    recipe: Recipe,
    count: int,
    progress: Callable[[int], None],
) -> list[Result]:
    """All families in all their forms; `progress` hears of each that is done."""
    results = []
    for family in families:
        for form in family.forms:
            results.append(attack(family, form, pool, judge, recipe, count))
            progress(1)
    return results
