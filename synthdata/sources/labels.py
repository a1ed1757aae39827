"""Human verdicts on steps, JSONL: `{"trajectory_id", "step", "label"}` with `by` and `note` optional.

A row about a run or a step that the corpus does not have is quarantined like any other that cannot be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import cast

from synthdata.errors import InputError
from synthdata.records import HumanLabel, Label, QuarantinedRow
from synthdata.sources.fields import RowError, as_count, as_name, as_object
from synthdata.sources.files import list_files, read_rows

LABELS = ("good", "neutral", "bad")
FIELDS = frozenset({"trajectory_id", "step", "label", "by", "note"})


def read_labels(
    path: Path | str, steps: Mapping[str, Set[int]], *, max_row_bytes: int
) -> Iterator[HumanLabel | QuarantinedRow]:
    """All verdicts of a file; `steps` holds the agent's steps of every known run, by its id.

    Raises:
        InputError: nothing there, or no usable row (with the first reason).
    """
    usable, first = 0, ""
    for file in list_files(path):
        for row in read_rows(file, max_row_bytes):
            item: HumanLabel | QuarantinedRow
            if isinstance(row, QuarantinedRow):
                item = row
            else:
                try:
                    item = _label(row.value, steps)
                except RowError as error:
                    item = row.quarantined(str(error))
            if isinstance(item, HumanLabel):
                usable += 1
            else:
                first = first or f"{item.file}, line {item.line}: {item.reason}"
            yield item
    if not usable:
        raise InputError(f"{path}: no usable label. The first reason: {first or 'there is no row in it'}")


def _label(value: object, steps: Mapping[str, Set[int]]) -> HumanLabel:
    row = as_object(value, "row")
    unknown = sorted(row.keys() - FIELDS)
    if unknown:
        raise RowError(f"unknown field `{unknown[0]}`; there are {', '.join(sorted(FIELDS))}")
    label = as_name(row.get("label"), "label")
    if label not in LABELS:
        raise RowError(f"`label` is {label!r}, not one of {', '.join(LABELS)}")
    run = _run(as_name(row.get("trajectory_id"), "trajectory_id"), steps)
    step = as_count(row.get("step"), "step")
    if step is None or step not in steps[run]:
        raise RowError(f"`step` {step} is not a step of the agent in run {run}")
    return HumanLabel(run, step, cast(Label, label), as_name(row.get("by"), "by"), as_name(row.get("note"), "note"))


def _run(name: str, steps: Mapping[str, Set[int]]) -> str:
    matches = [run for run in steps if run.startswith(name)] if name else []
    if len(matches) != 1:
        which = "no run" if not matches else f"{len(matches)} runs"
        raise RowError(f"`trajectory_id` {name!r} names {which} of this corpus; give the id as `explain` shows it")
    return matches[0]
