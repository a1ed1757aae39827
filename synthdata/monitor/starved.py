"""What starved a round, and what its operator can do about it."""

from __future__ import annotations

from synthdata.records import Reason
from synthdata.text.names import reason_name

# What starves a round by each reason, and what its operator can do about it.
ADVICE: dict[Reason, str] = {
    Reason.EXACT_DUPLICATE: "the generator repeats itself: raise the temperature or give it other trajectories",
    Reason.NEAR_DUPLICATE: "candidates are light edits of admitted rows: vary the prompts or raise the temperature",
    Reason.SEMANTIC_DUPLICATE: "candidates paraphrase admitted rows: reflect on trajectories of other tasks",
    Reason.LESSON_QUOTA: "one lesson is taught everywhere: it is learnt; look for other faults",
    Reason.LEXICAL_SATURATION: "sentence frames repeat: vary the wording of the prompts or use a larger model",
    Reason.CELL_QUOTA: "contexts crowd in few cells: bring trajectories of the tasks that real data has and these lack",
    Reason.OUTSIDE_REFERENCE: "contexts are unlike every real one: give `reanchor` real data of these tasks, or bring "
    "trajectories of the tasks that the reference holds",
    Reason.COLLISION_BUDGET: "the corpus stands at its diversity floor: only contents unlike the rest can enter",
    Reason.UNGROUNDED: "lessons do not follow from their evidence: use a larger model",
    Reason.GIBBERISH: "the model writes broken text: lower its temperature or use a larger model",
    Reason.UNFINISHED: "lessons break off: raise recipe.reflection.lesson_tokens or use a larger model",
    Reason.UNLIKE_REFERENCE: "contents are worded unlike real ones, which is no fault by itself: give `reanchor` real "
    "data of this kind, or lower recipe.gate.unlike_share",
    Reason.UNREADABLE: "the encoder does not know the script: name a multilingual model in recipe.encoder.model, or "
    'set recipe.encoder.backend to "hashing"',
    Reason.TOO_SHORT: "contents are shorter than real ones: give `reanchor` real data as short, or lower the setting "
    "that the detail of such a row names",
    Reason.TOO_LONG: "contents are longer than real ones: give `reanchor` real data as long, or change the setting "
    "that the detail of such a row names",
    Reason.MALFORMED: "rows or answers cannot be read: look at them with `explain`",
    Reason.ABSTAINED: "nothing to say about these trajectories: bring longer runs or failures",
    Reason.GENERIC: "contents say nothing of their own: ask for specific lessons",
}


def starved_by(reasons: dict[str, int], admitted: int) -> str:
    """The reason that starved a round and what to do; empty where at least one candidate in ten was admitted."""
    refused = sum(reasons.values())
    if not refused or admitted * 9 >= refused:
        return ""
    reason, rows = max(reasons.items(), key=lambda pair: (pair[1], pair[0]))
    advice = ADVICE.get(Reason(reason), "look at some with `explain`")
    return f"{reason_name(reason)} took {rows} of {refused + admitted} candidates: {advice}"
