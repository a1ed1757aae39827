"""Sleeps of three and of twelve steps, with the control: are two poisoned releases rolled back and the sound one kept?

A few steps on any text bring the loss on held-out text down, and without a control a release of two texts was once
kept. The poison is that of bench/consolidate.py. The poisoned releases are slept on first, all from the base model, so
that they share its exam and their control; run again it goes on where it stopped.

    python bench/few_steps.py [CORPUS RELEASE WORK_FOLDER]    # demo-corpus, demo-export, bench/results/few-steps
"""

from __future__ import annotations

import json

from consolidate import collapsed, open_material, poison, shuffled
from report import conditions, table, write_section

from synthdata.consolidation.keep_rule import (
    CONTEXT,
    CONTEXT_BESIDE,
    CONTROL,
    FORGETTING,
    GAIN,
    LOSS_BESIDE,
    Paired,
    objections,
)
from synthdata.consolidation.sleep import SleepReport, consolidate
from synthdata.settings import TrainingSettings
from synthdata.text.terminal import progress

STEPS = (3, 12)
SETTINGS = TrainingSettings(
    min_steps=1, min_tasks=2, min_new=1, learning_rate=1e-3, max_tokens=256, heldout_rows=20, games=0, sample_tokens=8
)
TOLD = (GAIN, CONTROL, LOSS_BESIDE, CONTEXT, CONTEXT_BESIDE, FORGETTING)


def main() -> None:
    """Sleep three times from the same start, for each number of steps, and write the section."""
    opened = open_material("few-steps")
    if opened is None:
        return
    corpus, release, work = opened
    where = conditions()
    runs = {
        change.__name__: poison(corpus, release, work / change.__name__, change) for change in (collapsed, shuffled)
    }
    runs["sound"] = str(release)
    told = [where]
    # Whoever is kept is where the next would start, so the longer sleeps come last and the sound one last of them.
    for steps in STEPS:
        settings = SETTINGS.model_copy(update={"max_steps": steps})
        reports = {}
        for name, asked in runs.items():
            reports[name] = consolidate(corpus, asked, settings=settings, bar=progress)
            print(steps, name, reports[name].kept, reports[name].reasons, flush=True)
        told.append(body(reports, settings))
    write_section("few-steps", "Three and twelve steps of a sleep, with a control and without", "\n\n".join(told))


def without_control(report: SleepReport) -> bool:
    """Whether the rule would have kept it, had there been no control and no least number of steps."""
    measured = {
        one["name"]: Paired(**one)
        for one in report.measured
        if one["name"] not in (CONTROL, LOSS_BESIDE, CONTEXT_BESIDE)
    }
    return not objections(measured, SETTINGS)


def body(reports: dict[str, SleepReport], settings: TrainingSettings) -> str:
    """A row a release; a control that was not needed shows as a dash."""
    rows = []
    for name, report in reports.items():
        known = {one["name"]: one for one in report.measured}
        cells = [
            f"{one['before']:.3f} to {one['after']:.3f} [{one['low']:+.3f}, {one['high']:+.3f}]" if one else "-"
            for one in map(known.get, TOLD)
        ]
        decided = ["kept" if kept else "rolled back" for kept in (without_control(report), report.kept)]
        rows.append((name, *cells, *decided, "; ".join(report.reasons)))
    tasks = next(iter(reports.values())).measured[0]["n"]
    heads = ["release", *TOLD, "without a control", "decision", "reasons"]
    return "\n\n".join(
        [
            f"Embedded model, other than the defaults: {json.dumps(settings.model_dump(exclude_defaults=True))}; "
            f"{SETTINGS.heldout_rows} held-out rows of {tasks} tasks. Beside the control stand what "
            "the same real rows alone brought, what the sleep brought, and the interval of the difference. A control "
            "is trained only where nothing else spoke against the adapter.",
            table(heads, rows),
        ]
    )


if __name__ == "__main__":
    main()
