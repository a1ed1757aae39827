"""How often the keep rule errs: simulated sleeps with a known effect, judged by the rule itself. Seconds, no model.

    python bench/keep_rule.py

A task's loss falls by 0.5 nats for the control and by `effect` more or less for the sleep, with normal noise of 0.1
nats a task between them. What is printed is the share of 400 sleeps that end in each grade.
"""

from __future__ import annotations

import numpy as np
from report import table, write_section

from synthdata.consolidation.keep_rule import CONTROL, FORGETTING, GAIN, LOSS_BESIDE, decide, paired, spent
from synthdata.settings import TrainingSettings

SLEEPS, NOISE, BROUGHT = 400, 0.1, 0.5
TASKS, EFFECTS, NIGHTS = (16, 40, 80), (-0.1, -0.03, 0.0, 0.03, 0.1), (1, 3)
GRADES = ("helps", "no harm", "control", "rolled back")


def shares(tasks: int, effect: float, night: int) -> list[float]:
    """The share of each grade. An effect below nought is a lower loss than the control's."""
    rng = np.random.default_rng([tasks, night, round(1000 * effect) + 1000])
    settings, names = spent(TrainingSettings(), night), [str(i) for i in range(tasks)]
    found = dict.fromkeys(GRADES, 0)
    old = paired(FORGETTING, ["a", "b"], [1.0, 1.0], [1.0, 1.0], settings)
    for _ in range(SLEEPS):
        before = rng.normal(3, 0.5, tasks)
        control = before - BROUGHT + rng.normal(0, NOISE, tasks)
        after = control + effect + rng.normal(0, NOISE, tasks)
        measured = {
            GAIN: paired(GAIN, names, list(before), list(after), settings),
            CONTROL: paired(CONTROL, names, list(before), list(control), settings),
            LOSS_BESIDE: paired(LOSS_BESIDE, names, list(control), list(after), settings),
            FORGETTING: old,
        }
        found[decide(measured, 30, settings).grade] += 1
    return [found[grade] / SLEEPS for grade in GRADES]


def main() -> None:
    """Simulate and write the section."""
    rows = [
        (night, tasks, f"{effect:+.2f}", *(f"{share:.3f}" for share in shares(tasks, effect, night)))
        for night in NIGHTS
        for tasks in TASKS
        for effect in EFFECTS
    ]
    told = (
        f"{SLEEPS} simulated sleeps a row; the control brings {BROUGHT} nats, noise {NOISE} nats a task; `effect` is "
        "by how many nats a token the sleep ends above its control. At nought `helps` and `control` are false; above "
        "nought so is `helps`, and `no harm` where the effect exceeds the margin of 0.025."
    )
    heads = ["sleep number", "tasks", "effect", *GRADES]
    write_section("keep-rule", "How often the keep rule errs (simulated)", f"{told}\n\n{table(heads, rows)}")


if __name__ == "__main__":
    main()
