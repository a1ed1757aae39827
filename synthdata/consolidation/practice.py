"""Practice: the model learns from moves of its own runs that were good, whatever became of the runs, and is examined.

An adapter on the base is made anew from the moves of all nights (no chain of small changes), with the listwise loss
over the commands that could be given, and is held close to what the base says elsewhere. It is kept if it chooses no
worse than the model before it, by more than a margin, for certain, and either better than that or better than a control
that learnt as many own moves drawn by hash.
Protocol and evidence: docs/loop.md.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synthdata.api import Corpus
from synthdata.consolidation.choices import ChoiceModel
from synthdata.consolidation.curve import write_curve
from synthdata.consolidation.exam_games import exam_tasks, refuse_exam_objectives
from synthdata.consolidation.gguf import write_gguf
from synthdata.consolidation.listwise import ChoiceRow, adapter_on_upper_layers, train_on_choices
from synthdata.consolidation.lora import save
from synthdata.consolidation.practice_exam import Bar, baseline_scores, compare, marks_of, player_model, read_exams
from synthdata.consolidation.practice_rule import decide_practice
from synthdata.consolidation.registry import WEIGHTS, building, current, folder_of, weights_of, write_manifest
from synthdata.consolidation.retention import TEXTS, own_texts, retention_loss
from synthdata.consolidation.sleep import SleepReport, known_adapters, record_sleep, report_of
from synthdata.errors import RefusedError
from synthdata.gate.moves import MoveRow, admit_moves
from synthdata.generation.local import Loaded, load
from synthdata.play.players import choice_prompt
from synthdata.records import canonical_json, content_hash
from synthdata.reflection import unfaulted_moves
from synthdata.reflection.step_labels import rule_opinions
from synthdata.settings import PracticeSettings, Recipe
from synthdata.sources import atif


@dataclass(frozen=True)
class Moves:
    """The moves of own runs: all of them, those to learn, and how many good ones the gate of moves left out."""

    every: tuple[ChoiceRow, ...]
    good: tuple[ChoiceRow, ...]
    left_out: int


def read_moves(logs: Sequence[Path], recipe: Recipe) -> Moves:
    """The moves of the runs that `play` wrote, labelled and through the gate of moves.

    With `recipe.labels.replay` a move is good where the environment's plan became shorter by it. Without it, of a
    failed run where nothing speaks against it, of a success where no rule calls it bad: no oracle is asked.
    """
    every, seen = [], {}
    for path in logs:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                for row, answer in _moves_of(json.loads(line), oracle=recipe.labels.replay):
                    every.append(row)
                    seen[row.key] = answer
    good = [row for row in every if row.good]
    rows = [MoveRow(row.key, row.task, seen[row.key], row.commands[row.chosen]) for row in good]
    verdicts = admit_moves(rows, recipe.practice.task_slack, recipe.practice.seed)
    admitted = {verdict.key for verdict in verdicts if verdict.admitted}
    return Moves(tuple(every), tuple(row for row in good if row.key in admitted), len(good) - len(admitted))


def practise(corpus: Corpus, logs: Sequence[Path], bar: Bar) -> SleepReport:
    """Learn from the moves in these logs, compare with the adapter before, and keep the new one or roll it back.

    Raises:
        RefusedError: a run is of a game of the exam, by its id or by what it asks for.
    """
    recipe = corpus.settings.recipe
    settings, base = recipe.practice, recipe.training.base
    moves = read_moves(logs, recipe)
    known = known_adapters(corpus)
    parent = current(known, base)
    held = {row.task for row in moves.every} & exam_tasks(recipe.training)
    if held:
        raise RefusedError(f"runs of {len(held)} games of the exam ({', '.join(sorted(held)[:3])}): nothing is trained")
    refuse_exam_objectives(row.prompt.partition("\n")[0] for row in moves.every)
    source = "moves " + content_hash(*(row.key for row in moves.every), length=24)
    number = parent.number if parent else None
    if len(moves.good) < settings.batch_size:
        why = f"{len(moves.good)} good moves, fewer than a batch of recipe.practice.batch_size = {settings.batch_size}"
        return SleepReport(None, False, (f"{why}: nothing was trained",), source, base, number)
    key = content_hash(source, parent.sha256 if parent else "", canonical_json(settings.model_dump()), length=24)
    done = next((one for one in known if one.key == key or (one.kept and one.release == source)), None)
    if done is not None:
        folder = folder_of(corpus.store.path, done.number)
        return report_of(json.loads((folder / "manifest.json").read_text(encoding="utf-8")), folder, repeated=True)
    return _practise(corpus, moves, key, source, bar)


def _practise(corpus: Corpus, moves: Moves, key: str, source: str, bar: Bar) -> SleepReport:
    recipe, store = corpus.settings.recipe, corpus.store
    settings, base = recipe.practice, recipe.training.base
    known = known_adapters(corpus)
    parent = current(known, base)
    number = len(known) + 1
    exams = read_exams(base, settings, bar)
    before_model = player_model(base, weights_of(store.path, parent) if parent else None, settings)
    cache = store.cache_dir / "exams"
    # Under one name after its night and before the next: what was kept is not asked again.
    before = marks_of(
        exams, before_model, settings, (cache, f"{base} {parent.key if parent else ''}"), bar, "exam before"
    )
    drawn = sorted(moves.every, key=lambda row: content_hash("control", str(settings.seed), row.key))
    texts = _held_texts(base, settings, bar)
    with building(store.path, number) as part:
        after_model, losses = _trained(base, moves.good, texts, settings, bar, "training: steps")
        save(after_model.network, part / WEIGHTS)
        write_gguf(part / WEIGHTS, after_model.network.config)
        write_curve(part, losses)
        after = marks_of(exams, after_model, settings, (cache, f"{base} {key}"), bar, "exam after")
        control_model, _ = _trained(base, drawn[: len(moves.good)], texts, settings, bar, "control: steps")
        unplayed = settings.model_copy(update={"games": 0})
        control = marks_of(exams, control_model, unplayed, (cache, f"control {key}"), bar, "exam of the control")
        measured = compare(exams, before, after, control, recipe, number)
        decision = decide_practice(measured, settings.harm_margin, recipe.training.forget_margin)
        if not decision.kept:
            shutil.rmtree(part / WEIGHTS)
        facts = {
            "key": key, "number": number, "parent": parent.number if parent else None, "release": source, "base": base,
            "kept": decision.kept, "grade": decision.grade, "reasons": list(decision.reasons),
            "settings": settings.model_dump(mode="json"), "measured": [asdict(one) for one in measured.values()],
            "rows": {
                "moves": len(moves.every), "good": len(moves.good) + moves.left_out, "left_out": moves.left_out,
                "fitted": len(moves.good), "steps": len(losses),
            },
            "baselines": baseline_scores(base, exams.first, moves.good, settings, cache, bar),
            "trained": sorted(row.key for row in moves.good),
        }  # fmt: skip
        sha = write_manifest(part, facts)
    record_sleep(store, facts, sha)
    return report_of(facts, folder_of(store.path, number), repeated=False)


def _held_texts(base: str, settings: PracticeSettings, bar: Bar) -> list[str]:
    """Texts of the base's own, to hold what it knows; none where nothing is to be held."""
    if settings.retention == 0:
        return []
    with bar("texts of the base model", TEXTS) as advance:
        return own_texts(load(base), settings, advance)


def _trained(
    base: str, rows: Sequence[ChoiceRow], texts: Sequence[str], settings: PracticeSettings, bar: Bar, name: str
) -> tuple[ChoiceModel, tuple[float, ...]]:
    loaded = load(base)
    network = adapter_on_upper_layers(loaded, settings)
    model = ChoiceModel(Loaded(network, loaded.tokenizer, loaded.name), settings.frozen_layers)
    held = [retention_loss(model, texts, settings)] if texts else []
    with bar(name, settings.steps(len(rows))) as advance:
        losses = train_on_choices(model, rows, settings, advance, held)
    return model, losses


def _moves_of(document: Mapping[str, Any], *, oracle: bool) -> Iterator[tuple[ChoiceRow, str]]:
    """The decisions of a run with what the player saw last before each."""
    extra, steps = document["extra"], document["steps"]
    objective, transcript = steps[0]["message"], [("", steps[1]["observation"]["results"][0]["content"])]
    good = _by_environment(steps) if oracle else _by_rules(document)
    for place, step in enumerate(steps[2:], 2):
        commands, command = tuple(step["extra"]["admissible"]), step["message"]
        answer = step["observation"]["results"][0]["content"]
        if len(commands) > 1:
            key = f"{document['session_id']}/{place}"
            prompt = choice_prompt(objective, transcript)
            chosen = commands.index(command)
            yield ChoiceRow(key, extra["task_id"], prompt, commands, chosen, place in good), transcript[-1][1]
        transcript.append((command, answer))


def _by_environment(steps: Sequence[Mapping[str, Any]]) -> set[int]:
    return {place for place, step in enumerate(steps[2:], 2) if step["extra"]["optimal"]}


def _by_rules(document: Mapping[str, Any]) -> set[int]:
    (run,) = atif.read(document)
    if not run.success:
        return set(unfaulted_moves(run))
    bad = {idx for idx, source in rule_opinions(run).items() if source.verdict == "bad"}
    return {step.idx for step in run.agent_steps} - bad
