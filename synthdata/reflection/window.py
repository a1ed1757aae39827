"""What of a run a prompt shows: a window around the informative steps, every cut said aloud, text fenced as data.

Trajectory text is untrusted. Its fence carries a nonce that nobody without the corpus secret can guess, and anything
inside that looks like a fence or a chat role is defused before it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from synthdata.records import Step, Trajectory
from synthdata.reflection.reading import failure_span
from synthdata.settings import ReflectionSettings

# Characters of the role and the name that a step's heading shows.
_WHO = 60
# What "[123 characters left out]" takes; and so far a cut is moved to stand between two words.
_NOTICE, _WORD = 26, 30


def window(trajectory: Trajectory, size: int, include: Sequence[int] = ()) -> list[int]:
    """Positions in `trajectory.steps` of at most `size` steps to show, in order.

    The rule: the first step, those with an index in `include`, the last agent step and every failing step with its
    neighbours come first, then agent steps from the end backwards (outcomes hang on late steps), then the rest. A run
    of at most `size` steps is whole.
    """
    steps = trajectory.steps
    if len(steps) <= size:
        return list(range(len(steps)))
    agent = [at for at, step in enumerate(steps) if step.role == "agent"]
    failing = [at for at in agent if failure_span(steps[at].observation)]
    included = [at for at, step in enumerate(steps) if step.idx in include]
    ranked = [0, *included, *agent[-1:], *failing, *(at + d for at in failing for d in (-1, 1)), *reversed(agent)]
    ranked += range(len(steps) - 1, -1, -1)
    chosen: list[int] = []
    for at in ranked:
        if 0 <= at < len(steps) and at not in chosen:
            chosen.append(at)
        if len(chosen) == size:
            break
    return sorted(chosen)


def show_run(trajectory: Trajectory, positions: list[int], settings: ReflectionSettings) -> str:
    """The chosen steps as text; what is left out, of steps and within them, is said where it is missing."""
    lines: list[str] = []
    before = -1
    for at in [*positions, len(trajectory.steps)]:
        if at > before + 1:
            first, last = trajectory.steps[before + 1].idx, trajectory.steps[at - 1].idx
            lines.append(f"[step {first} left out]" if first == last else f"[steps {first}-{last} left out]")
        if at < len(trajectory.steps):
            lines.append(show_step(trajectory.steps[at], settings.max_step_chars))
        before = at
    return "\n\n".join(lines)


def show_step(step: Step, max_chars: int) -> str:
    """One step with the name of each of its fields that is not empty."""
    fields = [("thought", step.thought), ("action", step.action), ("tool_call", step.call_text)]
    fields.append(("observation", step.observation))
    parts = [f"{name}: {clip(text, max_chars)}" for name, text in fields if text]
    who = " ".join((step.role, *step.name.split()))[:_WHO]
    return "\n".join([f"step {step.idx} ({who})", *parts])


def clip(text: str, limit: int) -> str:
    """The text, or about its first two thirds and last third of `limit` characters with the number of those left out.

    A text is whole where the words that say what is missing would be as long as what they stand for.
    """
    head, tail = shown_spans(text, limit)
    return text if head == tail else f"{text[:head]}[{tail - head:,} characters left out]{text[tail:]}"


def shown_spans(text: str, limit: int) -> tuple[int, int]:
    """Up to where `clip` shows the head of a text, and from where its tail: quotes must lie within one of them.

    Cuts fall between words: what half a word would say was never written.
    """
    if len(text) <= limit + _NOTICE:
        return len(text), len(text)
    head = limit * 2 // 3
    tail = len(text) - (limit - head)
    before = [at + 1 for at in range(max(0, head - _WORD), head) if text[at].isspace()]
    after = [at for at in range(tail, min(len(text), tail + _WORD)) if text[at].isspace()]
    return (before or [head])[-1], (after or [tail])[0]
