"""Is the model after the sleep better than before: paired differences with intervals, and the rule that decides.

Every difference is after minus before on the same tasks, so what a task is like by itself cancels out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from synthdata.settings import TrainingSettings

Direction = Literal[-1, 1]


@dataclass(frozen=True)
class Paired:
    """Before and after on one measure: means, their difference and its interval over `n` tasks.

    `good` is 1 where more is better, -1 where less is.
    """

    name: str
    n: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    good: Direction

    @property
    def better(self) -> bool:
        """The whole interval lies on the good side of nought."""
        return self.low > 0 if self.good == 1 else self.high < 0

    @property
    def worse(self) -> bool:
        """The whole interval lies on the bad side of nought."""
        return self.high < 0 if self.good == 1 else self.low > 0


Grade = Literal["helps", "no harm", "control", "rolled back"]


@dataclass(frozen=True)
class KeepDecision:
    """What is kept, and each reason for or against it.

    `helps`: the rows that the sleep adds to the real ones make it better for certain; `no harm`: they make it worse by
    no more than the margin, for certain; `control`: the real rows alone are better for certain, and what they made
    is kept.
    """

    grade: Grade
    reasons: tuple[str, ...]

    @property
    def kept(self) -> bool:
        """Whether an adapter is kept, be it the control's."""
        return self.grade != "rolled back"


def paired(
    name: str,
    tasks: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    settings: TrainingSettings,
    good: Direction = -1,
) -> Paired:
    """The mean paired difference with Student's t interval over tasks, at `settings.confidence`.

    Rows of one task are no independent evidence: each task counts once, by its mean. A percentile bootstrap over few
    tasks covers too little: 0.87 at 6 tasks and 0.91 at 16 where 0.95 is meant.

    Raises:
        ValueError: fewer than two tasks.
    """
    from scipy import stats

    grouped: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for task, old, new in zip(tasks, before, after, strict=True):
        grouped[task].append((old, new))
    means = np.array([np.mean(grouped[task], axis=0) for task in sorted(grouped)])
    if len(means) < 2:
        raise ValueError(f"{name}: an interval needs two tasks or more, got {len(means)}")
    change = means[:, 1] - means[:, 0]
    error = float(change.std(ddof=1)) / len(change) ** 0.5
    width = float(stats.t.ppf((1 + settings.confidence) / 2, len(change) - 1)) * error
    old, new = means.mean(axis=0)
    middle = float(change.mean())
    return Paired(name, len(change), float(old), float(new), middle, middle - width, middle + width, good)


def spent(settings: TrainingSettings, sleep: int) -> TrainingSettings:
    """The settings with the confidence that sleep number `sleep` (from 1) of a corpus is judged at.

    The error of a confidence of 0.95 is 0.05 / (n (n + 1)) in sleep n: over a whole chain of sleeps it adds up to 0.05.
    """
    return settings.model_copy(update={"confidence": 1 - (1 - settings.confidence) / (sleep * (sleep + 1))})


def half_samples(
    name: str,
    n: int,
    before: Sequence[float],
    after: Sequence[float],
    settings: TrainingSettings,
    good: Direction,
) -> Paired:
    """A difference of numbers that no row has by itself, from the same random halves of `n` rows before and after.

    Drawn without replacement, a half deviates from the whole as much as the whole does from the population (the
    delete-half jackknife, Shao & Wu 1989); with replacement, copies would look like collapse. Student's t over draws.
    """
    from scipy import stats

    old, new = np.array(before), np.array(after)
    change = new - old
    width = stats.t.ppf((1 + settings.confidence) / 2, len(change) - 1) * change.std(ddof=1)
    middle = float(change.mean())
    return Paired(
        name, n, float(old.mean()), float(new.mean()), middle, float(middle - width), float(middle + width), good
    )  # fmt: skip


# What must get better, what must not get worse by a margin, what must not get worse at all.
GAIN, FORGETTING, BEHAVIOUR, CONTEXT = "heldout_loss", "old_knowledge_loss", "game_score", "context_gain"
# The same two beside the control: after the sleep minus after the control, and what the control itself brought.
LOSS_BESIDE, CONTEXT_BESIDE = "heldout_loss_beside_control", "context_gain_beside_control"
CONTROL = "heldout_loss_of_control"
# Tiles of which several must be worse before they count (science: one of many is worse by chance).
RED = {"n2": 1, "cell_hill_1": 1, "coverage": 1, "mmd2": -1}
AMBER = {"precision": 1, "tail_coverage": 1, "distinct_3": 1, "compression_ratio": -1, "self_repetition": -1}


def harm_margin(measured: Mapping[str, Paired], settings: TrainingSettings) -> float:
    """By how much the sleep may lie behind its control and still do no harm, in nats a token.

    `harm_margin`, or `harm_share` of what the control brought where that is more.
    """
    brought = abs(measured[CONTROL].difference) if CONTROL in measured else 0.0
    return max(settings.harm_margin, settings.harm_share * brought)


def decide(measured: Mapping[str, Paired], steps: int, settings: TrainingSettings) -> KeepDecision:
    """Which adapter is kept, if any: the sleep's, graded, or its control's.

    The loss on held-out real text must have fallen for certain, and nothing that `objections` finds may speak against
    the adapter; fewer than `min_steps` steps keep nothing. The control has the same real rows at as many passes, and
    the sleep adds its rows on top: so after minus control says whether these help (superiority) or at least do no harm
    (non-inferiority, at `harm_margin`). Where the control is better for certain, it is kept itself.
    """
    beside, context = measured.get(LOSS_BESIDE), measured.get(CONTEXT_BESIDE)
    if steps < settings.min_steps:
        few = f"{steps} steps, fewer than recipe.training.min_steps = {settings.min_steps}: so few tell nothing"
        return KeepDecision("rolled back", (*objections(measured, settings), few))
    against = list(objections(measured, settings))
    if beside is not None and beside.worse:
        against.append(f"{LOSS_BESIDE}: the real rows alone are better for certain: {_interval(beside)}")
    elif beside is not None and beside.high > harm_margin(measured, settings):
        margin = harm_margin(measured, settings)
        against.append(
            f"{LOSS_BESIDE}: may be worse than the real rows alone by more than {margin:.3f}: {_interval(beside)}"
        )
    if context is not None and context.worse:
        against.append(f"{CONTEXT_BESIDE}: a prompt is worth less than after the real rows alone: {_interval(context)}")
    if against and beside is not None and beside.worse and measured[CONTROL].better:
        return KeepDecision(
            "control", (*against, f"{CONTROL} fell: {_interval(measured[CONTROL])}: the control is kept")
        )
    if against:
        return KeepDecision("rolled back", tuple(against))
    summary = f"{GAIN} fell: {_interval(measured[GAIN])}, and nothing speaks against it"
    if beside is None:
        return KeepDecision("helps", (f"{summary}; there was no control",))
    alone = f"beside the same real rows alone, which brought {_interval(measured[CONTROL])}: {_interval(beside)}"
    return KeepDecision("helps" if beside.better else "no harm", (f"{summary}; {alone}",))


def objections(measured: Mapping[str, Paired], settings: TrainingSettings) -> tuple[str, ...]:
    """What speaks against the adapter beside the model before it.

    Forgetting that may exceed the margin; a worse score in games, or a prompt that is worth less to the model than
    before, for certain; and `red_tiles` red tiles that are worse for certain.
    """
    against = []
    gain = measured[GAIN]
    if not gain.better:
        against.append(f"{GAIN} did not fall for certain: {_interval(gain)}")
    old = measured[FORGETTING]
    if old.high > settings.forget_margin:
        against.append(f"{FORGETTING} may have risen by more than {settings.forget_margin:g}: {_interval(old)}")
    for name in (BEHAVIOUR, CONTEXT):
        if name in measured and measured[name].worse:
            against.append(f"{name} got worse: {_interval(measured[name])}")
    red = [name for name in RED if name in measured and measured[name].worse]
    if len(red) >= settings.red_tiles:
        against.append(f"samples are less diverse: {', '.join(f'{n} {_interval(measured[n])}' for n in red)}")
    return tuple(against)


def _interval(one: Paired) -> str:
    return f"{one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
