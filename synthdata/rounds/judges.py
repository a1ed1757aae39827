"""The judges of a round: which models they are, the canaries among what they judge, and what follows from both.

Everything fails closed: no run to judge against, an endpoint that is down, canaries that got past, and the candidate
is refused as `judge_abstained`. The numbers go into each decision: snapshots and alarms are made from the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pydantic import ValidationError

from synthdata.errors import SettingsError
from synthdata.gate.state import Opinion
from synthdata.generation import CachedGenerator, make_generator
from synthdata.judging.canaries import Canary, Outcome, make_canaries
from synthdata.judging.consistency import Consistent, Pair
from synthdata.judging.credulous import CredulousJudge
from synthdata.judging.ensemble import Ensemble, family_of
from synthdata.judging.llm import LlmJudge
from synthdata.judging.scan import Scanned, scan
from synthdata.labelling import with_opinions
from synthdata.protocols import Generator, Judge, Judgement
from synthdata.records import (
    Candidate,
    LabelSource,
    Reason,
    Reflection,
    Reject,
    Trajectory,
    content_hash,
    from_json,
    to_json,
)
from synthdata.reflection import restatements
from synthdata.settings import Settings

JudgeFor = Callable[[int], Judge]
# Puts a model that costs money behind whoever pays for it.
Pay = Callable[[CachedGenerator], Generator]
# A round is judged once more where its canaries got past, and not a third time.
ATTEMPTS = 2


@dataclass(frozen=True)
class JudgePanel:
    """The judges of a corpus: `judge_for(attempt)` makes those that decide, `audit` judges too and never decides."""

    judge_for: JudgeFor
    audit: Judge | None = None


def unbilled(model: CachedGenerator) -> Generator:
    """The model itself: nobody counts what it is paid."""
    return model


def build_panel(settings: Settings, secret: bytes, cache_dir: Path, pay: Pay = unbilled) -> JudgePanel | None:
    """The judges that the settings name, None where they name none; what their models cost goes through `pay`.

    Raises:
        SettingsError: two judges of one family, or families and endpoints that do not match the models.
    """
    judge, runtime = settings.recipe.judge, settings.runtime
    if not judge.models:
        return None
    urls = runtime.judge_endpoints or (runtime.endpoint,)
    urls = urls * len(judge.models) if len(urls) == 1 else urls
    if len(urls) != len(judge.models):
        raise SettingsError(
            f"runtime.judge_endpoints: {len(urls)} addresses for {len(judge.models)} models of recipe.judge.models; "
            "name one for each, or one for all"
        )
    families = judge.families or tuple(family_of(_plain_name(model)) for model in judge.models)

    def judge_for(attempt: int) -> Judge:
        made = [
            _one(_endpoint(model, url, settings), secret, cache_dir, pay, attempt)
            for model, url in zip(judge.models, urls, strict=True)
        ]
        return Ensemble(tuple(made), families)

    judge_for(0)
    audit = (
        _one(_endpoint(judge.audit, runtime.audit_endpoint or runtime.endpoint, settings), secret, cache_dir, pay, 0)
        if judge.audit
        else None
    )
    return JudgePanel(judge_for, audit)


def _plain_name(model: str) -> str:
    return Settings().recipe.generation.model if model == "embedded" else model


def _endpoint(model: str, url: str, settings: Settings) -> Settings:
    """The settings with this judge's model in the place of the generator's."""
    kind = model if model in ("credulous", "embedded", "scripted") else "openai_http"
    own = settings.with_value("recipe.generation.model", model).with_value("runtime.endpoint", url)
    return own if kind == "credulous" else own.with_value("recipe.generation.generator", kind)


def _one(own: Settings, secret: bytes, cache_dir: Path, pay: Pay, attempt: int) -> Judge:
    if own.recipe.generation.model == "credulous":
        return CredulousJudge()
    return LlmJudge(pay(make_generator(own, cache_dir)), own.recipe, secret, attempt)


@dataclass(frozen=True)
class RoundJudges:
    """What the gate asks once a round: candidates in, an opinion on each out.

    `runs` are the trajectories that the candidates speak of, by id; `more` gives further ones of the corpus, which are
    read only if the runs at hand do not make enough canaries.
    """

    bench: JudgePanel
    settings: Settings
    runs: Mapping[str, Trajectory]
    more: Callable[[], Iterator[Trajectory]]

    def __call__(self, candidates: Sequence[Candidate]) -> dict[str, Opinion]:
        """An opinion a candidate, by id; the order of the candidates has no part in it."""
        judged = self.bench.judge_for(0).model
        items, opinions = self._readable(candidates, judged)
        if not items:
            return opinions
        salt = content_hash(*sorted(items))
        pool, genuine = self._pool(items)
        canaries = make_canaries(genuine, self.settings.recipe.judge.canaries, salt)
        bad = sum(not canary.good for canary in canaries)
        short = Outcome(bad, 0, len(canaries) - bad, len(canaries) - bad).void(self.settings.recipe.judge)
        if short:
            return opinions | {name: Opinion(_void(short), judged) for name in items}
        for attempt in range(ATTEMPTS):
            base = self.bench.judge_for(attempt)
            judge = Consistent(base, tuple(pool)) if self.settings.recipe.judge.consistency else base
            judgements, outcome = _judged(judge, items, canaries, salt)
            void = outcome.void(self.settings.recipe.judge)
            if not void:
                break
        numbers = _numbers(outcome, bool(void), self._scanned(base, items, judgements, pool))
        audit = self._audited(items)
        for name, judgement in judgements.items():
            own = dict(numbers) | {"judge": judgement.score, "judge_passed": float(judgement.verdict == "pass")}
            own |= {"audit_passed": audit[name]} if name in audit else {}
            refusal = _refusal(judgement, void, self.settings.recipe.judge.min_score)
            opinions[name] = Opinion(refusal, judged, own, "" if void else _labelled(items[name][1], judgement))
        return opinions

    def _readable(self, candidates: Sequence[Candidate], judged: str) -> tuple[dict[str, Pair], dict[str, Opinion]]:
        items: dict[str, Pair] = {}
        opinions: dict[str, Opinion] = {}
        for candidate in sorted(candidates, key=lambda candidate: candidate.id):
            run = self.runs.get(candidate.trajectory_id)
            try:
                review = from_json(Reflection, candidate.payload)
            except ValidationError:
                run = None
            if run is None:
                why = "no run and review in the corpus to judge it by; for plain texts set recipe.judge.models = []"
                opinions[candidate.id] = Opinion(Reject(Reason.JUDGE_ABSTAINED, detail=why), judged)
            else:
                items[candidate.id] = (run, review)
        return items, opinions

    def _pool(self, items: Mapping[str, Pair]) -> tuple[list[Trajectory], list[Pair]]:
        """Runs to transplant to, and what is true of them: those at hand, then as many more as the canaries need."""
        own = {run.id: run for run, _ in items.values()}
        wanted = 2 * self.settings.recipe.judge.canaries
        runs: list[Trajectory] = []
        genuine: list[Pair] = []
        for run in chain((own[name] for name in sorted(own)), self.more()):
            if len(runs) >= len(own):
                if len(genuine) >= wanted:
                    break
                if run.id in own:
                    continue
            runs.append(run)
            genuine += [(run, review) for review in restatements(run, self.settings.recipe.floor)] if wanted else []
        return runs, genuine

    def _scanned(
        self, base: Judge, items: Mapping[str, Pair], judgements: Mapping[str, Judgement], pool: Sequence[Trajectory]
    ) -> Scanned:
        passed = [items[name] for name, judgement in judgements.items() if judgement.verdict == "pass"]
        return scan(base, passed, pool, self.settings.recipe.judge)

    def _audited(self, items: Mapping[str, Pair]) -> dict[str, float]:
        if self.bench.audit is None:
            return {}
        judgements = self.bench.audit.judge(list(items.values()))
        return {name: float(judgement.verdict == "pass") for name, judgement in zip(items, judgements, strict=True)}


def _judged(
    judge: Judge, items: Mapping[str, Pair], canaries: Sequence[Canary], salt: str
) -> tuple[dict[str, Judgement], Outcome]:
    """Judge items and canaries in one batch in which nothing tells them apart."""
    batch: list[tuple[str, Pair]] = [(f"item {name}", pair) for name, pair in items.items()]
    batch += [(f"canary {number}", canary.pair) for number, canary in enumerate(canaries)]
    batch.sort(key=lambda entry: content_hash(salt, entry[0]))
    by_name = dict(zip([name for name, _ in batch], judge.judge([pair for _, pair in batch]), strict=True))
    outcome = Outcome.of(canaries, [by_name[f"canary {number}"] for number in range(len(canaries))])
    return {name: by_name[f"item {name}"] for name in items}, outcome


def _refusal(judgement: Judgement, void: str, min_score: float) -> Reject | None:
    if void:
        return _void(void)
    if judgement.verdict == "pass":
        return None
    reason = Reason.JUDGE_REJECTED if judgement.verdict == "fail" else Reason.JUDGE_ABSTAINED
    return Reject(reason, judgement.score, min_score, detail=judgement.reason)


def _void(why: str) -> Reject:
    return Reject(Reason.JUDGE_ABSTAINED, detail=f"the round's judging is void: {why}")


def _labelled(review: Reflection, judgement: Judgement) -> str:
    opinions: dict[int, list[LabelSource]] = {}
    for idx, source in judgement.labels:
        opinions.setdefault(idx, []).append(source)
    return to_json(with_opinions(review, opinions)) if opinions else ""


def _numbers(outcome: Outcome, void: bool, scanned: Scanned) -> dict[str, float]:
    counts = {
        "bad": outcome.bad,
        "bad_passed": outcome.bad_passed,
        "good": outcome.good,
        "good_passed": outcome.good_passed,
    }
    numbers = {f"canary_{name}": float(value) for name, value in counts.items()} | {"judge_void": float(void)}
    if scanned.tried:
        numbers |= {"scan_tried": float(scanned.tried), "scan_accepted": float(scanned.accepted)}
        numbers["scan_keys"] = float(len(scanned.keys))
    return numbers


def use_judge(judge: Judge, settings: Settings) -> tuple[JudgePanel, Settings]:
    """The judges of a corpus that was handed one, and its settings with that judge's name in the recipe."""
    return JudgePanel(lambda attempt: judge), settings.with_value("recipe.judge.models", [judge.model])
