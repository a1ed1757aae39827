"""One night: what its stages leave behind, so that each is resumed after a kill, and the report over all nights.

Everything lies in CORPUS/nights/N: the games that were played, the release, and last `night.json`, which ends it.
A stage whose work is there is not done again; a night without its `night.json` is the one that goes on.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from synthdata.api import Corpus
from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.games import ChatPlayer, ChoicePlayer
from synthdata.consolidation.night_curve import write_exam_curve
from synthdata.consolidation.practice import practise
from synthdata.consolidation.practice_exam import player_model
from synthdata.consolidation.registry import current, weights_of
from synthdata.consolidation.serving import with_adapter
from synthdata.consolidation.sleep import Bar as Progress
from synthdata.consolidation.sleep import SleepReport, TooFewHeldOutError, consolidate, known_adapters
from synthdata.export.build import Bar, ExportReport, export, no_bar
from synthdata.generation.local import EMBEDDED, LocalModel, load
from synthdata.io.files import atomic_write
from synthdata.monitor.status import status
from synthdata.operations.reflect import RunSelection
from synthdata.play.collect import Order, collect_to
from synthdata.play.players import Expert, Player
from synthdata.records import Origin
from synthdata.settings import Settings

DONE, SHOWN, PLAYED, RELEASE = "night.json", "shown.jsonl.gz", "played.jsonl.gz", "release"


@dataclass(frozen=True)
class Night:
    """A night by its number, from 1, and its folder."""

    number: int
    folder: Path


Logs = list[tuple[Path, Origin]]


@dataclass(frozen=True)
class Stages:
    """The stages of a night, as plain functions or as the tasks of a flow; `whole_night` holds their order.

    Attributes:
        collect: plays the night's games.
        curate: makes one round over a log, under the settings given to it.
        monitor: tells what the rounds did to the corpus.
        release: writes the night's training set.
        sleep: trains, compares, keeps or rolls back.
    """

    collect: Callable[[Corpus, Night], Logs]
    curate: Callable[[Corpus, Settings, Path, RunSelection], object]
    monitor: Callable[[Corpus], object]
    release: Callable[[Corpus, Night], object]
    sleep: Callable[[Corpus, Night], SleepReport]


def whole_night(corpus: Corpus, logs: Logs, stages: Stages) -> dict[str, Any]:
    """One night from its games, or from `logs` where some are given, to its sleep; what it wrote into `night.json`.

    Raises:
        RefusedError: an alarm has frozen the corpus, or too little is left to train on; the night goes on when it is
            run again after that was mended.
    """
    tonight = begin(corpus)
    logs = logs or stages.collect(corpus, tonight)
    if not (tonight.folder / RELEASE).is_dir():
        settings = dreamer(corpus)
        for path, origin in logs:
            stages.curate(corpus, settings, path, RunSelection(origin=origin, limit=settings.recipe.night.limit))
        corpus.watch()
        stages.monitor(corpus)
    stages.release(corpus, tonight)
    content = finish(corpus, tonight, stages.sleep(corpus, tonight))
    write_report(corpus)
    return content


def begin(corpus: Corpus) -> Night:
    """The night that was not finished, else the next one."""
    folder = corpus.store.path / "nights"
    number = 1
    while (folder / str(number) / DONE).is_file():
        number += 1
    (folder / str(number)).mkdir(parents=True, exist_ok=True)
    return Night(number, folder / str(number))


def dreamer(corpus: Corpus) -> Settings:
    """The settings under which this night reflects: `adapter` is the one kept last, before that the embedded model."""
    settings = corpus.settings
    if settings.recipe.generation.generator != "adapter":
        return settings
    base = settings.recipe.training.base
    if base == EMBEDDED and current(known_adapters(corpus), base) is None:
        return settings.with_value("recipe.generation.generator", EMBEDDED)
    return with_adapter(corpus, settings)


def collect(corpus: Corpus, night: Night) -> Logs:
    """Games of this night's own series: an expert's, which are real, and the model's own, which are on-policy."""
    chosen = corpus.settings.recipe.night
    seed = chosen.seed + night.number
    logs = []
    if chosen.shown:
        shown = Order(games=chosen.shown, episodes=1, epsilons=chosen.epsilons, seed=seed)
        logs.append((_played(night.folder / SHOWN, shown, Expert), Origin.REAL))
    if chosen.played:
        order = Order(games=chosen.played, episodes=1, epsilons=(0.0,), seed=seed + 500_000)
        own = _own_moves if chosen.trains_on == "own_moves" else _own_games
        logs += [(path, Origin.ON_POLICY) for path in own(corpus, night, order)]
    return logs


def _own_games(corpus: Corpus, night: Night, order: Order) -> list[Path]:
    return [_played(night.folder / PLAYED, order, lambda: _player(corpus))]


def _own_moves(corpus: Corpus, night: Night, order: Order) -> list[Path]:
    """Each game several times, the moves drawn from the model's own chances: a file an episode."""
    practice, base = corpus.settings.recipe.practice, corpus.settings.recipe.training.base
    adapter = current(known_adapters(corpus), base)
    name = f"{base}+adapter-{adapter.number}" if adapter else base

    @cache
    def scorer() -> ChoiceModel:
        return player_model(base, weights_of(corpus.store.path, adapter) if adapter else None, practice)

    return [
        _played(night.folder / f"played-{episode}.jsonl.gz", order, partial(_choice_player, scorer, name, episode))
        for episode in range(1, practice.episodes + 1)
    ]


def _choice_player(scorer: Callable[[], ChoiceModel], name: str, episode: int) -> ChoicePlayer:
    return ChoicePlayer(scorer(), name, episode)


def _played(out: Path, order: Order, player: Callable[[], Player]) -> Path:
    # The file takes its place whole, and the model is not even loaded where it is there.
    if not out.is_file():
        collect_to(out, order, player())
    return out


def _player(corpus: Corpus) -> Player:
    training = corpus.settings.recipe.training
    adapter = current(known_adapters(corpus), training.base)
    weights = weights_of(corpus.store.path, adapter) if adapter else None
    return ChatPlayer(LocalModel(load(training.base, weights)), training.max_tokens)


def release(corpus: Corpus, night: Night, bar: Bar = no_bar) -> ExportReport | None:
    """This night's training set; None where it was written before."""
    out = night.folder / RELEASE
    return None if (out / "manifest.json").is_file() else export(corpus, out, bar=bar)


def sleep(corpus: Corpus, night: Night, bar: Progress) -> SleepReport:
    """Learn from the moves of all nights, or consolidate the night's release, as `recipe.night.trains_on` says.

    A night whose tasks are too few for the exam of a release trains nothing, and says so. Its release stays as it was
    written, so that only a later night's, with more tasks, can be enough.
    """
    if corpus.settings.recipe.night.trains_on == "own_moves":
        nights_so_far = [night.folder.parent / str(number) for number in range(1, night.number + 1)]
        return practise(corpus, [log for one in nights_so_far for log in sorted(one.glob("played-*.jsonl.gz"))], bar)
    folder = str(night.folder / RELEASE)
    try:
        return consolidate(corpus, folder, bar=bar)
    except TooFewHeldOutError as error:
        return SleepReport(None, False, (str(error),), folder, corpus.settings.recipe.training.base)


def finish(corpus: Corpus, night: Night, slept: SleepReport) -> dict[str, Any]:
    """End the night: write what it brought."""
    facts = status(corpus.store, None)
    content = {
        "night": night.number,
        "round": facts["round"],
        "candidates": facts["candidates"],
        "in_corpus": facts["in_corpus"],
        "real_share": facts["real_share"],
        "own_games": _outcomes(sorted(night.folder.glob("played*.jsonl.gz"))),
        "sleep": asdict(slept),
    }
    atomic_write(night.folder / DONE, json.dumps(content, indent=1, ensure_ascii=False))
    return content


def _outcomes(logs: Sequence[Path]) -> dict[str, int]:
    """Runs that the model played itself, and how many it won."""
    outcomes = []
    for path in logs:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            outcomes += [json.loads(line)["extra"] for line in file]
    return {"games": len(outcomes), "won": sum(one["ended"] == "won" for one in outcomes)}


def nights(corpus: Corpus) -> list[dict[str, Any]]:
    """What every finished night wrote, in order."""
    folder = corpus.store.path / "nights"
    paths = sorted((int(path.parent.name), path) for path in folder.glob(f"*/{DONE}"))
    return [json.loads(path.read_text(encoding="utf-8")) for _, path in paths]


def report_path(corpus: Corpus) -> Path:
    """Where the report over all nights lies."""
    return corpus.store.path / "nights" / "report.md"


def write_report(corpus: Corpus) -> Path:
    """CORPUS/nights/report.md: a row a night, then each night's measures before and after."""
    rows = ["# Nights", "", "| night | in corpus | own games won | trained on | decision |", "|---|---:|---|---:|---|"]
    details: list[str] = []
    for one in nights(corpus):
        slept = one["sleep"]
        won = f"{one['own_games']['won']} of {one['own_games']['games']}"
        trained = slept["rows"].get("fitted", 0)
        rows.append(f"| {one['night']} | {one['in_corpus']} | {won} | {trained} | {decision_of(slept)} |")
        details += ["", f"## Night {one['night']}: {decision_of(slept)}", "", f"{'; '.join(slept['reasons'])}."]
        if slept["measured"]:
            details += ["", "| measure | before | after | change | n | |", "|---|---:|---:|---|---:|---|"]
            details += [_measure(measure) for measure in slept["measured"]]
        if slept.get("baselines"):
            beside = ", ".join(f"{name} {value:.3f}" for name, value in slept["baselines"].items())
            details += ["", f"Best moves of simple players in the same exam: {beside}."]
    folder = corpus.store.path / "nights"
    if write_exam_curve(folder / "exam.svg", [one["sleep"] for one in nights(corpus)]):
        rows += ["", "![Best moves on held-out games before and after each night](exam.svg)"]
    path = report_path(corpus)
    path.write_text("\n".join([*rows, *details]) + "\n", encoding="utf-8")
    return path


def decision_of(slept: Mapping[str, Any]) -> str:
    """What came of the night's sleep, in two words or three."""
    if slept["number"] is None:
        return "nothing trained"
    if not slept["kept"]:
        return f"adapter {slept['number']} rolled back"
    grades = {"no harm": " (no harm)", "control": ": its control kept"}
    return f"adapter {slept['number']}{grades.get(slept.get('grade', ''), ' kept')}"


def _measure(one: Mapping[str, Any]) -> str:
    good = one["good"]
    better = one["low"] > 0 if good == 1 else one["high"] < 0
    worse = one["high"] < 0 if good == 1 else one["low"] > 0
    verdict = "better" if better else "worse" if worse else "no difference seen"
    change = f"{one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
    return f"| {one['name']} | {one['before']:.3f} | {one['after']:.3f} | {change} | {one['n']} | {verdict} |"
