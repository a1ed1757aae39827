"""People's verdicts on steps, written back from the pages: behind the token, on this machine, from our own form alone.

A form carries a key that only pages of this server hold, and the browser has to say that it comes from this server: no
page of another site can make somebody's browser write here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from synthdata.corpus import CorpusStore
from synthdata.errors import InputError, RefusedError
from synthdata.labelling.opinions import human_labels, keep_labels
from synthdata.records import HumanLabel, Label, canonical_json, content_hash

LABELS: tuple[Label, ...] = ("good", "neutral", "bad")
LONGEST_FORM, LONGEST_NAME, LONGEST_NOTE = 4096, 80, 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """A form that was sent: what a person says of a step, and the decision whose page it stands on."""

    label: HumanLabel
    decision: str


class VerdictForms:
    """Takes verdicts for as long as one server runs; `key` is what its forms carry."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(32)

    def read(self, body: bytes, headers: dict[str, str], own_origin: str) -> Verdict:
        """The verdict of a form.

        Raises:
            RefusedError: the form comes from elsewhere.
            InputError: a field is missing or has no meaning.
        """
        if headers.get("origin") != own_origin or headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise RefusedError(
                "this verdict does not come from a page of this server; send it from the decision's page"
            )
        if len(body) > LONGEST_FORM:
            raise InputError(f"a verdict is at most {LONGEST_FORM} bytes; shorten the note")
        fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        if not hmac.compare_digest(fields.get("key", "").encode(), self.key.encode()):
            raise RefusedError("the page is older than this server; open it again and repeat the verdict")
        label, by, step = fields.get("label", ""), fields.get("by", "").strip(), fields.get("step", "")
        if label not in LABELS:
            raise InputError(f"no verdict {label[:40]!r}; there are {', '.join(LABELS)}")
        if not by or len(by) > LONGEST_NAME:
            raise InputError(f"a verdict needs the name of who gives it, at most {LONGEST_NAME} characters")
        if not step.isdecimal():
            raise InputError("a verdict needs the number of its step")
        note = fields.get("note", "").strip()[:LONGEST_NOTE]
        human = HumanLabel(fields.get("run", ""), int(step), label, by, note)
        return Verdict(human, fields.get("decision", ""))


def take_verdict(store: CorpusStore, label: HumanLabel) -> bool:
    """Keep a verdict and say whether it is new; the latest word of a person on a step counts.

    Raises:
        InputError: the corpus has no such run, or the run no such step of the agent.
        LockedError: another process is writing.
    """
    (run,) = store.trajectories([label.trajectory_id])
    if label.step not in {step.idx for step in run.agent_steps}:
        raise InputError(f"step {label.step} is no step of the agent in run {run.id}")
    before = human_labels(store).get(label.trajectory_id, {}).get(label.step, [])
    if any(source.model == label.by and source.verdict == label.label for source in before):
        return False
    # A person may change their mind back: the same words at another time are another event.
    when = content_hash(
        canonical_json([label.trajectory_id, label.step, label.label, label.by]), str(label_events(store))
    )
    return keep_labels(store, (label,), key=when).new


def label_events(store: CorpusStore) -> int:
    """How many times verdicts have come in."""
    return store.events("label").height


def verdicts_on(store: CorpusStore, run: str) -> dict[int, list[dict[str, Any]]]:
    """What people said of the steps of a run, by step."""
    opinions = human_labels(store).get(run, {})
    return {
        step: [{"by": source.model, "label": source.verdict} for source in sources]
        for step, sources in opinions.items()
    }
