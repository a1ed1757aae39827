"""One lesson in many wordings at once: each control that should stop it is tried alone, so that none hides another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from synthdata.api import Corpus
from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import REFERENCE_ROWS, cheap, edits, frames, text_corpus, texts, wordings
from synthdata.records import Candidate
from synthdata.rounds.decide import Batch, RoundOptions, decide_round
from synthdata.settings import Settings

CLONES = 600
# Most of a burst must fall to each control by itself.
LEAST_SHARE = 0.8
# Under these settings a control lets everything through.
WIDE_OPEN: dict[str, float] = {
    "near_jaccard": 1.0, "tau": 2.0, "lexical_share": 1.0, "skeleton_share": 1.0, "quota_slack": 1e9,
    "out_of_distribution_share": 1.0, "collision_max": 1.0,
}  # fmt: skip
# What is planted, the control that is tried on it, the settings that are its own, and the reason that it gives.
ALONE = (
    ("edits of a lesson", edits, "likeness of meaning", ("tau",), "semantic_duplicate"),
    ("edits of a lesson", edits, "repeated phrases", ("lexical_share",), "lexical_saturation"),
    ("fillings of one frame", frames, "skeletons", ("skeleton_share",), "lexical_saturation"),
    ("wordings of a lesson", wordings, "cell quota", ("quota_slack", "out_of_distribution_share"), "cell_quota"),
    ("wordings of a lesson", wordings, "collision budget", ("collision_max",), "collision_budget"),
)


def one_control_at_a_time(folder: Path, settings: Settings) -> list[ControlCheck]:
    """A burst for each control, with the others open; nothing is written."""
    corpus = text_corpus(folder / "bursts", texts(REFERENCE_ROWS), cheap(settings))
    findings = []
    for what, planted, control, own, reason in ALONE:
        fell = _fallen(corpus, planted(CLONES), own, reason)
        seen = f"{fell} fell as {reason}, the other controls being off"
        findings.append(ControlCheck(f"{CLONES} {what}", control, fell >= LEAST_SHARE * CLONES, seen))
    return findings


def _fallen(corpus: Corpus, burst: Sequence[str], own: tuple[str, ...], reason: str) -> int:
    """How many of a burst fall for this reason where all settings but a control's own let everything through."""
    others = {name: value for name, value in WIDE_OPEN.items() if name not in own}
    recipe = corpus.settings.recipe
    recipe = recipe.model_copy(update={"gate": recipe.gate.model_copy(update=others)})
    vectors = corpus.encode(burst)
    batch = Batch([Candidate(text, occurrence=i) for i, text in enumerate(burst)], vectors, vectors)
    # No rule is asked, no language model and no judge: they are controls too.
    gate = replace(corpus.gate, recipe=recipe, likelihood=None)
    decisions = decide_round(gate, batch, RoundOptions(refused={})).decisions
    return sum(str(decision.reason) == reason for decision in decisions)
