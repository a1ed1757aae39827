"""One secret of each family in a log: what would leave, and what the gate lets in."""

from __future__ import annotations

from pathlib import Path

from synthdata.doctor.finding import ControlCheck
from synthdata.doctor.material import SEED
from synthdata.doctor.planted_secrets import PlantedSecret, planted_secrets
from synthdata.judging.floor import check_text
from synthdata.records import Reason
from synthdata.settings import Settings
from synthdata.text.redaction import redacted

_SENTENCE = "The agent read the settings of the service, saw the line below and went on with the next step of its task."


def leaking_secrets(folder: Path, settings: Settings) -> list[ControlCheck]:
    """Every family through the redaction of all ways out, and the keys of a fixed form through the floor."""
    planted = planted_secrets(SEED)
    left = [one.family for one in planted if _leaves(one)]
    by_form = [one for one in planted if one.by_form]
    admitted = [one.family for one in by_form if not _refused(one, settings)]
    return [
        _check("one secret of each family in a log", "redaction", len(planted), left, "replaced"),
        _check("one key of each fixed form in a text", "secret", len(by_form), admitted, "refused"),
    ]


def _leaves(one: PlantedSecret) -> bool:
    shown = redacted(f"{_SENTENCE}\n{one.line}")
    return any(part in shown for part in one.secret.splitlines())


def _refused(one: PlantedSecret, settings: Settings) -> bool:
    failure = check_text(f"{_SENTENCE} {one.line}", settings.recipe.floor)
    return failure is not None and failure.reason is Reason.SECRET


def _check(planted: str, control: str, total: int, missed: list[str], done: str) -> ControlCheck:
    seen = f"{total - len(missed)} of {total} {done}" + (f"; not: {', '.join(missed)}" if missed else "")
    return ControlCheck(planted, control, not missed, seen)
