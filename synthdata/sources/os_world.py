"""Step logs of OSWorld (`traj.jsonl`): what the model answered, the action in it, the name of the next screenshot.

The task and the score stand in other files there: a run has the name of its folder as task id, and no outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthdata.records import Observation, Trajectory, canonical_json
from synthdata.sources.fields import RowError, as_object
from synthdata.sources.files import Row
from synthdata.sources.sessions import ReadRun, SessionItem, each_row
from synthdata.sources.steps import Draft, close

NAME = "os_world"
NO_TASK = "the log holds neither the task nor its score: they stand in other files of its folder"


def sniff(value: object) -> str | None:
    """None if this row is one step, else why not."""
    if isinstance(value, dict) and "step_num" in value and "action" in value and "screenshot_file" in value:
        return None
    return "no step of OSWorld (`step_num`, `action`, `screenshot_file`)"


def read_session(rows: Sequence[Row]) -> Iterator[SessionItem]:
    """The one run of a file; actions of the same answer are read one after the other."""
    steps, refused = each_row(rows, lambda row: _step(row))
    yield from refused
    if not steps:
        return
    drafts: list[Draft] = []
    last: object = None
    for row, words, action, seen in steps:
        number = as_object(row.value, "row")["step_num"]
        if drafts and number == last and words and action in words:
            # Several actions of one answer: the answer was given once.
            drafts[-1].observations.append(Observation(seen))
            continue
        last = number
        draft = Draft("agent", words if words and action in words else "\n".join(filter(None, (words, action))))
        draft.observations.append(Observation(seen))
        drafts.append(draft)
    first = steps[0][0]
    folder = first.file.rpartition("/")[0].rpartition("/")[2]
    ended = as_object(steps[-1][0].value, "row").get("done")
    run = Trajectory("", close(drafts), task_id=folder, truncated=ended is False, notes=(NO_TASK,))
    yield ReadRun(first.line, run)


def _step(row: Row) -> tuple[Row, str, str, str]:
    step = as_object(row.value, "row")
    if sniff(step) is not None:
        raise RowError(f"{NAME}: {sniff(step)}, as the rest of the file is")
    answer, action = step.get("response"), _text(step["action"])
    words = answer if isinstance(answer, str) else _text(answer) if answer else ""
    seen = [f"[screenshot {step['screenshot_file']}]"]
    info = step.get("info")
    if isinstance(info, dict) and any(key not in ("done", "fail") for key in info):
        seen.append(canonical_json(info))
    return row, words, action, "\n".join(seen)


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON
    return value if isinstance(value, str) else canonical_json(value)
