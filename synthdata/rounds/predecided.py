"""Decisions that need no gate: rows that could not be read, answers that could not be used, runs that teach nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from synthdata.records import (
    Candidate,
    Decision,
    QuarantinedRow,
    Reason,
    Reflection,
    Verdict,
    canonical_json,
    content_hash,
)


def quarantine(row: QuarantinedRow) -> Decision:
    """The decision on a row that could not be used: nothing is lost, and its file, line and reason stay."""
    key = content_hash(row.file, str(row.line), row.head, row.stage, row.reason)
    candidate = Candidate(
        content="",
        external_id=f"{row.stage}:{key}",
        source=row.file,
        trajectory_id=row.trajectory_id,
        payload=canonical_json({"head": row.head}),
    )
    where = f"{row.file}, line {row.line}: " if row.line else f"{row.file}: " if row.file else ""
    return Decision(candidate, Verdict.QUARANTINE, row.stage, Reason.MALFORMED, detail=where + row.reason)


def number_duplicates(decisions: Iterable[Decision]) -> list[Decision]:
    """The same decisions, equal ones told apart by `occurrence`: a run may answer unusably twice in the same way."""
    seen: Counter[str] = Counter()
    told_apart = []
    for decision in decisions:
        before = seen[decision.candidate.id]
        seen[decision.candidate.id] += 1
        candidate = replace(decision.candidate, occurrence=before) if before else decision.candidate
        told_apart.append(replace(decision, candidate=candidate))
    return told_apart


def abstention(review: Reflection) -> Decision:
    """The decision on a run of which there is nothing to say: it counts as read, with the reason."""
    candidate = Candidate(
        content="",
        external_id=f"abstained:{review.trajectory_id}",
        task_id=review.task_id,
        trajectory_id=review.trajectory_id,
        generator=review.generator.model,
        sample_index=review.generator.sample_index,
    )
    return Decision(candidate, Verdict.REJECT, "reflect", Reason.ABSTAINED, detail=review.abstain_reason)
