"""Opinions on a step to its label: kinds of source vote, sources of one kind are one voice.

A label leaves for process reward only where two kinds agree and none objects: labels by Monte-Carlo alone, or by a
judge alone, are too noisy to reward (Zhang et al. 2025, arXiv 2501.07301).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from synthdata.records import Label, LabelSource, Reflection, StepReview

# Kinds of source that must agree before a label is rewarded.
LEAST_KINDS = 2


def united(idx: int, sources: Iterable[LabelSource]) -> StepReview:
    """The label that most kinds of source give a step; unknown on a tie or where none has an opinion.

    Confidence is a / (k + 1), where a of the k kinds that have an opinion agree: one voice alone gives 1/2.
    """
    distinct = tuple(dict.fromkeys(sources))
    voices = _voices(distinct)
    ranked = Counter(voices.values()).most_common()
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return StepReview(idx, "unknown", 0.0, distinct)
    label, agreeing = ranked[0]
    return StepReview(idx, label, agreeing / (len(voices) + 1), distinct)


def agreed_label(review: StepReview) -> Label:
    """The label for process reward: two kinds of source or more say it and none says otherwise, else unknown."""
    voices = _voices(review.sources)
    labels = set(voices.values())
    return labels.pop() if len(voices) >= LEAST_KINDS and len(labels) == 1 else "unknown"


def first_error(reviews: Sequence[StepReview]) -> int | None:
    """The first step whose label is bad."""
    return min((review.idx for review in reviews if review.label == "bad"), default=None)


def with_opinions(review: Reflection, opinions: Mapping[int, Sequence[LabelSource]]) -> Reflection:
    """The reflection with further opinions on the steps that it labels; on others it has no evidence to offer.

    Labels and confidence are united anew; the first error stays the reflector's own where it named one.
    """
    steps = tuple(
        replace(united(item.idx, (*item.sources, *opinions[item.idx])), promise=item.promise, progress=item.progress)
        if opinions.get(item.idx)
        else item
        for item in review.steps
    )
    error_step = first_error(steps) if review.first_error_idx is None else review.first_error_idx
    return replace(review, steps=steps, first_error_idx=error_step)


def _voices(sources: Iterable[LabelSource]) -> dict[str, Label]:
    """What each kind of source says; a kind that contradicts itself, or does not know, says nothing."""
    opinions: dict[str, set[Label]] = {}
    for source in sources:
        if source.verdict != "unknown":
            opinions.setdefault(source.kind, set()).add(source.verdict)
    return {kind: next(iter(labels)) for kind, labels in sorted(opinions.items()) if len(labels) == 1}
