"""From a release to an adapter that is kept or rolled back: choose rows, sit the exam, train, sit it again, decide.

The training room trains and holds the rule; here the corpus, its releases and the held-out tasks meet it. A sleep that
was done is an event of the corpus, so the same sleep again tells what came of it and does nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synthdata.api import Corpus
from synthdata.consolidation.control import Control, control_rows, train_control
from synthdata.consolidation.curve import write_curve
from synthdata.consolidation.exam import Exam, ExamScores, TooFewHeldOutError, make_exam, take_exam
from synthdata.consolidation.exam_games import refuse_exam_games, refuse_exam_objectives
from synthdata.consolidation.gguf import write_gguf
from synthdata.consolidation.keep_rule import (
    BEHAVIOUR,
    CONTEXT,
    CONTEXT_BESIDE,
    CONTROL,
    FORGETTING,
    GAIN,
    LOSS_BESIDE,
    KeepDecision,
    Paired,
    decide,
    objections,
    paired,
    spent,
)
from synthdata.consolidation.lora import Curve, adapt, check_extra, fit, save
from synthdata.consolidation.registry import (
    MANIFEST,
    WEIGHTS,
    Adapter,
    adapters,
    building,
    current,
    folder_of,
    trained_keys,
    weights_of,
    write_manifest,
)
from synthdata.consolidation.rows import FILES, Chosen, check_release, choose_rows, read_rows
from synthdata.consolidation.tiles import compare_samples
from synthdata.corpus import CorpusStore
from synthdata.corpus.releases import frozen_because, releases
from synthdata.errors import InputError, RefusedError
from synthdata.export.conversation import message_text
from synthdata.generation.local import LocalModel, identity, load
from synthdata.protocols import no_advance
from synthdata.records import canonical_json, content_hash
from synthdata.settings import TrainingSettings

__all__ = ["SleepReport", "TooFewHeldOutError", "consolidate", "known_adapters"]

# What manifests of before the grades say by `kept` alone.
_OLD_GRADES = {True: "helps", False: "rolled back"}
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


def no_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """For callers that show nothing."""
    return nullcontext(no_advance)


@dataclass(frozen=True)
class SleepReport:
    """What came of a sleep. `number` is None where there was too little new and nothing was trained.

    `measured` holds before, after and interval of every measure; `repeated` says that this sleep was done before;
    `grade` is the rule's (`keep_rule.KeepDecision`), empty where nothing was trained. `baselines` are what simple
    players score in the exam in choosing, by their names, where that was sat.
    """

    number: int | None
    kept: bool
    reasons: tuple[str, ...]
    release: str
    base: str
    parent: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    measured: tuple[dict[str, Any], ...] = ()
    folder: str = ""
    repeated: bool = False
    grade: str = ""
    baselines: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _SleepJob:
    """What a sleep starts from: the release's folder and key, the adapter before it, the rows; and its own key."""

    corpus: Corpus
    folder: Path
    release: str
    settings: TrainingSettings
    known: tuple[Adapter, ...]
    parent: Adapter | None
    chosen: Chosen

    @property
    def key(self) -> str:
        parent = self.parent.sha256 if self.parent else ""
        return content_hash(self.release, parent, canonical_json(self.settings.model_dump()), length=24)


def known_adapters(corpus: Corpus) -> tuple[Adapter, ...]:
    """All consolidations that the corpus records, kept and rolled back."""
    return tuple(adapters(json.loads(text) for text in corpus.store.events("adapter")["payload"]))


def consolidate(
    corpus: Corpus, release: str, *, settings: TrainingSettings | None = None, bar: Bar = no_bar
) -> SleepReport:
    """Train an adapter on a release (its number, or its folder), compare, and keep it or roll it back.

    Raises:
        RefusedError: the corpus is frozen, the release holds a game of the exam, or too few held-out tasks.
        InputError: no such release, its folder was changed, no such base model, a missing extra.
    """
    settings = settings or corpus.settings.recipe.training
    check_extra()
    reason = frozen_because(corpus.store)
    if reason is not None:
        raise RefusedError(
            f"{corpus.store.path}: the corpus is frozen ({reason}); nothing is trained before it is unfrozen"
        )
    night = _prepare(corpus, release, settings)
    done = _recorded(night)
    if done is not None:
        return done
    if night.chosen.new < settings.min_new:
        why = (
            f"{night.chosen.new} new rows, fewer than recipe.training.min_new = {settings.min_new}: nothing was trained"
        )
        parent = night.parent.number if night.parent else None
        return SleepReport(None, False, (why,), night.release, settings.base, parent, _counts(night.chosen))
    return _sleep(night, bar)


def _prepare(corpus: Corpus, release: str, settings: TrainingSettings) -> _SleepJob:
    folder, key = _find(corpus, release)
    refuse_exam_games(folder, settings)
    known = known_adapters(corpus)
    parent = current(known, settings.base)
    rows = read_rows(folder, FILES[settings.method], "train")
    refuse_exam_objectives(str(message.get("content") or "") for row in rows for message in row.prompt)
    chosen = choose_rows(rows, trained_keys(known, parent), settings)
    return _SleepJob(corpus, folder, key, settings, known, parent, chosen)


def _find(corpus: Corpus, release: str) -> tuple[Path, str]:
    """The folder and key of a release that the corpus records, its files as they were written."""
    known = releases(corpus.store)
    if not known:
        raise InputError(f"{corpus.store.path}: no release yet; `synthdata export` makes one")
    wanted = [one for one in known if release in (str(one.number), one.key)]
    folder = Path(wanted[-1].out) if wanted else Path(release)
    key = str(check_release(folder)["release"]["key"])
    if key not in {one.key for one in known} or (wanted and wanted[-1].key != key):
        numbers = ", ".join(str(one.number) for one in known)
        raise InputError(
            f"{folder}: is not the release {release} of {corpus.store.path}; it has the releases {numbers}"
        )
    return folder, key


def _recorded(night: _SleepJob) -> SleepReport | None:
    events = night.corpus.store.events("adapter")
    payloads = [json.loads(p) for key, p in events.select("key", "payload").iter_rows() if key == night.key]
    if not payloads:
        # A kept sleep is the parent now, so that the same call would look like a sleep of its own.
        parent = night.parent
        if parent is None or parent.release != night.release:
            return None
        payloads = [json.loads(p) for p in events["payload"] if json.loads(p)["number"] == parent.number]
    folder = folder_of(night.corpus.store.path, payloads[0]["number"])
    return report_of(json.loads((folder / MANIFEST).read_text(encoding="utf-8")), folder, repeated=True)


def _sleep(night: _SleepJob, bar: Bar) -> SleepReport:
    store, settings = night.corpus.store, night.settings
    before_weights = weights_of(store.path, night.parent) if night.parent else None
    loaded = load(settings.base, before_weights, trainable=True)
    exam = make_exam(night.folder, loaded.tokenizer, settings)
    cache, tasks = store.cache_dir / "exams", len(exam.rows) + settings.games
    with bar("exam before", tasks) as advance:
        before = take_exam(
            exam, LocalModel(loaded), cache, night.parent.key if night.parent else identity(loaded), advance
        )
    with bar("training: steps", min(settings.max_steps, len(night.chosen.rows) // settings.batch_size)) as advance:
        network, curve = adapt(loaded.network, loaded.tokenizer, night.chosen.rows, settings, advance)
    number = len(night.known) + 1
    with building(store.path, number) as part:
        save(network, part / WEIGHTS)
        write_gguf(part / WEIGHTS, network.config)
        write_curve(part, curve.losses)
        after_model = LocalModel(type(loaded)(network, loaded.tokenizer, f"{settings.base}+adapter-{number}"))
        with bar("exam after", tasks) as advance:
            after = take_exam(exam, after_model, cache, night.key, advance)
        judged = spent(settings, number)
        measured = _compare(exam, before, after, night.corpus, judged)
        control = None
        # A control costs as much as the sleep did: where something speaks against the adapter already, none is made.
        if settings.control and settings.method == "sft" and not objections(measured, judged):
            control = _control(night, exam, loaded.tokenizer, bar)
        if control is not None:
            measured |= _beside(exam, (before, after), control, judged)
        verdict = decide(measured, len(curve.losses), judged)
        facts = _facts(night, number, curve, measured, verdict)
        if verdict.grade != "helps" and verdict.grade != "no harm":
            shutil.rmtree(part / WEIGHTS)
        if verdict.grade == "control" and control is not None:
            shutil.copytree(control.weights, part / WEIGHTS)
            facts["trained"] = sorted({row.key for row in control.rows})
        sha = write_manifest(part, facts)
    record_sleep(store, facts, sha)
    return report_of(facts, folder_of(store.path, number), repeated=False)


def _compare(
    exam: Exam, before: ExamScores, after: ExamScores, corpus: Corpus, settings: TrainingSettings
) -> dict[str, Paired]:
    """All measures by name, those of the rule and those that are only told."""
    tasks = [row.task for row in exam.rows]
    texts = [str(i) for i in range(len(exam.knowledge))]
    games = [str(i) for i in range(len(before.scores))]
    measures = [
        paired(GAIN, tasks, before.heldout, after.heldout, settings),
        paired(CONTEXT, tasks, before.context, after.context, settings, good=1),
        paired(FORGETTING, texts, before.knowledge, after.knowledge, settings),
    ]
    if len(games) > 1:
        measures.append(paired(BEHAVIOUR, games, before.scores, after.scores, settings, good=1))
        measures.append(paired("game_optimal_moves", games, before.optimal, after.optimal, settings, good=1))
    real = [message_text(row.completion[0]) for row in exam.rows]
    tiles = compare_samples(real, before.samples, after.samples, corpus.encoder, settings)
    return {one.name: one for one in measures} | tiles


def _control(night: _SleepJob, exam: Exam, tokenizer: Any, bar: Bar) -> Control | None:  # noqa: ANN401
    """The control on the sleep's own real rows; None where it has none."""
    store, settings = night.corpus.store, night.settings
    real = [row for row in night.chosen.rows if row.real and fit(row, tokenizer, settings.max_tokens) is not None]
    rows = control_rows(night.corpus, exam, real)
    if not rows:
        return None
    start = (night.parent.sha256, weights_of(store.path, night.parent)) if night.parent else ("", None)
    return train_control(exam, rows, start, store.cache_dir / "exams", bar)


def _beside(
    exam: Exam, marks: tuple[ExamScores, ExamScores], control: Control, settings: TrainingSettings
) -> dict[str, Paired]:
    """The sleep beside its control, and what the control itself brought."""
    tasks, (before, after) = [row.task for row in exam.rows], marks
    measures = [
        paired(CONTROL, tasks, before.heldout, control.heldout, settings),
        paired(LOSS_BESIDE, tasks, control.heldout, after.heldout, settings),
        paired(CONTEXT_BESIDE, tasks, control.context, after.context, settings, good=1),
    ]
    return {one.name: one for one in measures}


def _facts(
    night: _SleepJob, number: int, curve: Curve, measured: dict[str, Paired], verdict: KeepDecision
) -> dict[str, Any]:
    return {
        "key": night.key,
        "number": number,
        "parent": night.parent.number if night.parent else None,
        "release": night.release,
        "base": night.settings.base,
        "settings": night.settings.model_dump(),
        "kept": verdict.kept,
        "grade": verdict.grade,
        "reasons": list(verdict.reasons),
        "rows": _counts(night.chosen) | {"fitted": curve.rows, "left_out": curve.left_out, "steps": len(curve.losses)},
        "measured": [asdict(one) for one in measured.values()],
        "trained": list(night.chosen.keys),
    }


def _counts(chosen: Chosen) -> dict[str, int]:
    real = sum(row.real for row in chosen.rows)
    return {"rows": len(chosen.rows), "new": chosen.new, "real": real, "over_cap": chosen.over_cap}


def record_sleep(store: CorpusStore, facts: Mapping[str, Any], sha: str) -> None:
    """Make a written adapter part of the corpus; `sha` is its manifest's."""
    names = ("key", "number", "parent", "release", "base", "kept", "trained")
    with store.writing():
        payload = {name: facts[name] for name in names} | {"manifest_sha256": sha}
        store.append_event("adapter", facts["key"], payload, store.latest_round())


def report_of(facts: Mapping[str, Any], folder: Path, *, repeated: bool) -> SleepReport:
    """What came of a sleep, from the facts of its manifest."""
    return SleepReport(
        facts["number"], facts["kept"], tuple(facts["reasons"]), facts["release"], facts["base"], facts["parent"],
        facts["rows"], tuple(facts["measured"]), str(folder), repeated, facts.get("grade", _OLD_GRADES[facts["kept"]]),
        facts.get("baselines", {}),
    )  # fmt: skip
