"""The nouns of one round, frozen: what sources read, what reflection writes, what the gate decides.

Values only: no I/O, no settings, no behaviour beyond identity and JSON. Identities are content hashes, so the same
experience read twice, from two files or in two orders, is the same record.
"""

from synthdata.records.chat import Chat
from synthdata.records.decision import OUTSIDE, Candidate, Decision, Reason, Reject, Verdict
from synthdata.records.experience import Media, Observation, Origin, QuarantinedRow, Step, ToolCall, Trajectory
from synthdata.records.identity import canonical_json, content_hash, picked_by_hash
from synthdata.records.picture import Picture
from synthdata.records.reflection import (
    CauseCode,
    Counterfactual,
    Evidence,
    EvidenceField,
    GeneratorStamp,
    HumanLabel,
    Label,
    LabelSource,
    Lesson,
    Reflection,
    StepReview,
)
from synthdata.records.serial import from_json, to_json

__all__ = [
    "OUTSIDE",
    "Candidate",
    "CauseCode",
    "Chat",
    "Counterfactual",
    "Decision",
    "Evidence",
    "EvidenceField",
    "GeneratorStamp",
    "HumanLabel",
    "Label",
    "LabelSource",
    "Lesson",
    "Media",
    "Observation",
    "Origin",
    "Picture",
    "QuarantinedRow",
    "Reason",
    "Reflection",
    "Reject",
    "Step",
    "StepReview",
    "ToolCall",
    "Trajectory",
    "Verdict",
    "canonical_json",
    "content_hash",
    "from_json",
    "picked_by_hash",
    "to_json",
]
