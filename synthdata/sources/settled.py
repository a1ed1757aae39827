"""The last look at a run before it is a record: no `kept` URL is left in any of its texts."""

from __future__ import annotations

from dataclasses import replace

from synthdata.records import Step, Trajectory
from synthdata.sources.kept import holds_kept, shown_text
from synthdata.sources.media import without_files


def settled(run: Trajectory) -> Trajectory:
    """The run with a mark for every kept picture that stands where no reader looked, as in a call's arguments."""
    steps = tuple(_settled(step) for step in run.steps)
    notes = tuple(map(shown_text, run.notes))
    return replace(run, steps=steps, notes=notes, task=_marked(run.task), tools=_marked(run.tools))


def _marked(text: str) -> str:
    return without_files(text, []) if holds_kept(text) else text


def _settled(step: Step) -> Step:
    texts = [
        step.action,
        step.thought,
        *(c.arguments for c in step.tool_calls),
        *(o.content for o in step.observations),
    ]
    if not any(map(holds_kept, (*texts, *step.notes))):
        return step
    media = list(step.media)
    calls = tuple(replace(call, arguments=without_files(call.arguments, media)) for call in step.tool_calls)
    seen = tuple(replace(answer, content=without_files(answer.content, media)) for answer in step.observations)
    return replace(
        step,
        action=without_files(step.action, media),
        thought=without_files(step.thought, media),
        tool_calls=calls,
        observations=seen,
        notes=tuple(map(shown_text, step.notes)),
        media=tuple(media),
    )
