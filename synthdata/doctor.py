"""Plants known faults in a throw-away corpus and tells which control fired on each: `synthdata doctor`.

Real text comes from the standard library's own documentation, which is on every machine; runs of an agent are made
here, with a mistake in each that the rules find. All verdicts are those of the shipped gate, with the given settings.
"""

from __future__ import annotations

import ast
import random
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthdata.api import Corpus
from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.judging.credulous import CredulousJudge
from synthdata.overview import alarms_of
from synthdata.records import (
    Candidate,
    Decision,
    Observation,
    Origin,
    QuarantinedRow,
    Reflection,
    Step,
    ToolCall,
    Trajectory,
    Verdict,
)
from synthdata.reflection import restatements
from synthdata.runs import Work, decide_reviews, remember
from synthdata.settings import Settings

REFERENCE_ROWS, ROUND_ROWS, CLONES, RUNS, SEED = 400, 60, 300, 60, 0
HEALTHY, NARROW = 6, 4
LESSON = (
    "Before the agent promises a refund it should look up the fare class of the booking, because basic economy tickets "
    "cannot be refunded at all."
)
PARAPHRASE = (
    "The agent should look up the booking's fare class before promising a refund, since basic economy tickets cannot "
    "be refunded at all."
)
LEAK = (
    "Which of the four lighthouse keepers signed the log on the night of the storm, and what did he write about the "
    "broken lamp and the missing boat?"
)


@dataclass(frozen=True)
class Finding:
    """What was planted, the control that should fire on it, whether it did, and what was seen."""

    planted: str
    control: str
    fired: bool
    seen: str


def examine(folder: Path, settings: Settings, progress: Callable[[int], None]) -> list[Finding]:
    """All findings; `progress` hears of each of `STAGES` stages as it ends. `folder` is empty and may be thrown away.

    Raises:
        InputError: the standard library's sources are not on this machine, so there is no text to calibrate from.
    """
    findings = []
    for stage in STAGES:
        findings += stage(folder, settings)
        progress(1)
    return findings


def texts(count: int) -> list[str]:
    """Distinct paragraphs of 12 to 60 words from the standard library's docstrings, in a seeded order."""
    found = list(dict.fromkeys(_paragraphs()))
    if len(found) < count:
        raise InputError(f"the standard library here has {len(found)} usable paragraphs; {count} are needed")
    random.Random(SEED).shuffle(found)
    return found[:count]


def _paragraphs() -> Iterator[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        for text in (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)):
            for paragraph in (text or "").split("\n\n"):
                words = paragraph.split()
                if 12 <= len(words) <= 60 and paragraph.isascii() and ">>>" not in paragraph:
                    yield " ".join(words)


def duplicates_and_text(folder: Path, settings: Settings) -> list[Finding]:
    """Copies at three levels, gibberish, a leak, a secret: each beside the text that it copies."""
    found = texts(REFERENCE_ROWS + ROUND_ROWS)
    corpus = _text_corpus(folder / "texts", found[:REFERENCE_ROWS], settings)
    corpus.hold_out([{"text": LEAK}])
    sound = found[REFERENCE_ROWS:]
    first = corpus.admit([Candidate(text, external_id="sound") for text in [*sound, LESSON]])
    kept = [d.candidate.content for d in first.admitted if d.candidate.content != LESSON]
    edited = f"{kept[1]} indeed"
    rng = random.Random(SEED)
    letters = " ".join("".join(rng.choices("bcdfghjklmnpqrstvwxz", k=7)) for _ in range(20))
    planted = {
        "an exact copy": (kept[0].upper(), "exact_duplicate"),
        "a light edit": (edited, "near_duplicate"),
        "a paraphrase": (PARAPHRASE, "semantic_duplicate"),
        "gibberish": (letters, "gibberish"),
        "a held-out leak": (f"Remember this question: {LEAK}", "contaminated"),
        "a secret": (f"To call the service again the agent set the key AK{'IA'}Q3EGRXSCZ4LTKWN7 once more.", "secret"),
    }
    report = corpus.admit([Candidate(text, external_id=name) for name, (text, _) in planted.items()])
    by_name = {d.candidate.external_id: d for d in report.decisions}
    findings = [_verdict(name, by_name[name], reason) for name, (_, reason) in planted.items()]
    share = first.counts["admit"] / len(first.decisions)
    return [
        Finding("sound text", "passes", share >= 0.5, f"{share:.0%} of {len(first.decisions)} admitted"),
        *findings,
        burst(corpus),
    ]


def burst(corpus: Corpus) -> Finding:
    """One lesson in hundreds of wordings at once."""
    rng = random.Random(SEED)
    clones = [Candidate(_varied(LESSON, rng), occurrence=i) for i in range(CLONES)]
    report = corpus.admit(clones)
    seen = ", ".join(f"{reason} {n}" for reason, n in report.reasons.items())
    few = report.counts["admit"] <= CLONES // 20
    return Finding(f"{CLONES} wordings of a lesson", "the gate", few, f"{report.counts['admit']} admitted; {seen}")


def narrowing_rounds(folder: Path, settings: Settings) -> list[Finding]:
    """Rounds of sound text, then rounds that say one thing."""
    found = texts(REFERENCE_ROWS + HEALTHY * ROUND_ROWS)
    corpus = _text_corpus(folder / "rounds", found[:REFERENCE_ROWS], _cheap(settings))
    rng = random.Random(SEED)
    for number in range(HEALTHY + NARROW):
        start = REFERENCE_ROWS + number * ROUND_ROWS
        mine = found[start : start + ROUND_ROWS]
        mine = mine if number < HEALTHY else [_varied(LESSON, rng) for _ in range(ROUND_ROWS)]
        corpus.admit([Candidate(text, occurrence=1000 * number + i) for i, text in enumerate(mine)])
    alarms = [alarm for alarm in alarms_of(corpus.store, corpus.store.snapshots()) if alarm["level"] == "red"]
    seen = f"red in round {alarms[0]['round']}" if alarms else "silent"
    late = bool(alarms) and alarms[0]["round"] > HEALTHY
    return [Finding(f"a generator that narrows after {HEALTHY} rounds", "the alarm", late, seen)]


def gamed_signals(folder: Path, settings: Settings) -> list[Finding]:
    """Reviews put on runs that they do not speak of, and a judge that passes everything."""
    made = [_run(i) for i in range(RUNS)]
    reviews = [review for run in made for review in restatements(run, settings.recipe.floor)[:2]]
    bare = [ReferenceRow("", f"{run.task} {step.call_text} {step.observation}", run.task_id) for run in made
            for step in run.steps]  # fmt: skip
    own = _cheap(settings).with_value("recipe.anchor.min_rows", 50).with_value("recipe.anchor.fill_trajectories", 5)
    corpus = Corpus.init(folder / "runs", bare, settings=own)
    moved = [replace(review, trajectory_id=made[(i // 2 + 7) % RUNS].id) for i, review in enumerate(reviews[:RUNS])]
    report = _decide(corpus, made, [*reviews[RUNS:], *moved])
    strangers = {review.trajectory_id for review in moved}
    fallen = [d for d in report if d.reason == "ungrounded" and d.candidate.trajectory_id in strangers]
    first = Finding(
        f"{len(moved)} transplanted reviews", "evidence", len(fallen) == len(moved), f"{len(fallen)} ungrounded"
    )
    judged = Corpus.init(folder / "judged", bare, settings=own)
    gamed = Corpus.open(judged.store.path, settings=own, judge=CredulousJudge())
    decided = _decide(gamed, made, reviews)
    voided = sum(d.reason == "judge_abstained" for d in decided)
    passed = sum(d.verdict is Verdict.ADMIT for d in decided)
    seen = f"{voided} refused as judge_abstained, {passed} admitted"
    return [first, Finding("a judge that passes everything", "canaries", voided > 0 and not passed, seen)]


STAGES = (duplicates_and_text, narrowing_rounds, gamed_signals)


def _text_corpus(path: Path, reference: Sequence[str], settings: Settings) -> Corpus:
    rows = [ReferenceRow(text, "", f"paragraph {i}") for i, text in enumerate(reference)]
    return Corpus.init(path, rows, settings=settings)


def _cheap(settings: Settings) -> Settings:
    """Runs are told apart by words alone here, so their vectors may be hashed."""
    return settings.with_value("recipe.encoder.backend", "hashing").with_value("recipe.encoder.dim", 96)


def _decide(
    corpus: Corpus, runs: Sequence[Trajectory], reviews: Sequence[Reflection | QuarantinedRow]
) -> Sequence[Decision]:
    work = Work(tuple(runs), (), 0)
    remember(corpus, work)
    return decide_reviews(corpus, work, reviews).decisions


def _verdict(name: str, decision: Decision, reason: str) -> Finding:
    seen = str(decision.reason or decision.verdict)
    detail = decision.detail or (f"score {decision.score:.3f}" if decision.score is not None else "")
    return Finding(name, reason, seen == reason, f"{seen}{f': {detail}' if detail else ''}")


def _varied(text: str, rng: random.Random) -> str:
    """Another wording of the same: some words out, some twice in another place."""
    words = text.split()
    for _ in range(6):
        words.insert(rng.randrange(len(words)), words.pop(rng.randrange(len(words))))
    return " ".join(words)


def _run(number: int) -> Trajectory:
    """A run that asks for a record that is not there, then for the right one, and fails all the same."""
    rng = random.Random(SEED * 1000 + number)
    wrong, right = rng.randrange(1000, 5000), rng.randrange(5000, 9999)
    thing = rng.choice(("invoice", "parcel", "ticket", "booking", "permit", "contract", "recipe", "policy"))
    steps = []
    for idx, (key, answer) in enumerate(
        ((wrong, f"Error: {thing} {wrong} not found in the archive"), (right, f"{thing} {right}: open, due in May"))
    ):
        call = ToolCall(f"get_{thing}", f'{{"{thing}_id": "{key}"}}', f"c{idx}")
        steps.append(Step(idx, "agent", tool_calls=(call,), observations=(Observation(answer, f"c{idx}"),)))
    task = f"Find out when {thing} number {right} of customer {number} is due and write it down."
    return Trajectory(task, tuple(steps), task_id=f"task {number}", success=False, source="doctor", origin=Origin.REAL)
