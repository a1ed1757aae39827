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


@dataclass(frozen=True)
class KeepDecision:
    """Whether the adapter is kept, and each reason for or against it."""

    kept: bool
    reasons: tuple[str, ...]


def paired(
    name: str,
    tasks: Sequence[str],
    before: Sequence[float],
    after: Sequence[float],
    settings: TrainingSettings,
    good: Direction = -1,
) -> Paired:
    """Percentile bootstrap of the mean paired difference, resampling whole tasks (Efron & Tibshirani 1993).

    Rows of one task are no independent evidence: each task counts once, by its mean.
    """
    grouped: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for task, old, new in zip(tasks, before, after, strict=True):
        grouped[task].append((old, new))
    means = np.array([np.mean(grouped[task], axis=0) for task in sorted(grouped)])
    change = means[:, 1] - means[:, 0]
    draws = np.random.default_rng(settings.seed).integers(len(change), size=(settings.resamples, len(change)))
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(change[draws].mean(axis=1), [tail, 1 - tail])
    old, new = means.mean(axis=0)
    return Paired(name, len(change), float(old), float(new), float(change.mean()), float(low), float(high), good)


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
# The same two beside the share of the control's gain that the adapter must bring.
LOSS_BESIDE, CONTEXT_BESIDE = "heldout_loss_beside_control", "context_gain_beside_control"
# Tiles of which several must be worse before they count (science: one of many is worse by chance).
RED = {"n2": 1, "cell_hill_1": 1, "coverage": 1, "mmd2": -1}
AMBER = {"precision": 1, "tail_coverage": 1, "distinct_3": 1, "compression_ratio": -1, "self_repetition": -1}


def beside_control(
    name: str,
    tasks: Sequence[str],
    marks: tuple[Sequence[float], Sequence[float], Sequence[float]],
    settings: TrainingSettings,
    good: Direction = -1,
) -> Paired:
    """After the sleep against `control_share` of the way that the control went; `marks` are before, after, control.

    To keep a share of an active control's effect is how trials show that nothing was lost (FDA 2016, non-inferiority).
    The control takes every step on a real row, the sleep only rehearsal / (1 + rehearsal) of them; learning has
    diminishing returns, so these alone bring more than that share of the gain, where the other rows do no harm.
    """
    before, after, control = marks
    expected = [old + settings.control_share * (new - old) for old, new in zip(before, control, strict=True)]
    return paired(name, tasks, expected, after, settings, good)


def decide(measured: Mapping[str, Paired], steps: int, settings: TrainingSettings) -> KeepDecision:
    """Keep if the loss on held-out real text fell for certain and nothing speaks against it; else roll back.

    Against it speaks what `objections` finds; a loss that is not for certain below the share of the control's gain, or
    a prompt worth less for certain than that share asks; and fewer than `min_steps` steps: at three of them the control
    lets shuffled answers pass and stops a sound release (docs/LOG.md).
    """
    against = list(objections(measured, settings))
    beside, context = measured.get(LOSS_BESIDE), measured.get(CONTEXT_BESIDE)
    asked = f"{settings.control_share:.0%} of what as many steps on real rows alone bring"
    if beside is not None and not beside.better:
        against.append(f"{LOSS_BESIDE}: not for certain more than {asked}: {_interval(beside)}")
    if context is not None and context.worse:
        against.append(f"{CONTEXT_BESIDE}: less than {asked}: {_interval(context)}")
    if steps < settings.min_steps:
        against.append(
            f"{steps} steps, fewer than recipe.training.min_steps = {settings.min_steps}: so few tell nothing"
        )
    if against:
        return KeepDecision(False, tuple(against))
    more = f", for certain by more than {asked} ({_interval(beside)})" if beside is not None else ""
    return KeepDecision(True, (f"{GAIN} fell: {_interval(measured[GAIN])}{more}, and nothing speaks against it",))


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
