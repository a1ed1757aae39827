"""Where opinions on steps meet: rules and replay on new reviews, people's words in the store, all of them at the end.

The opinions are formed and united in the rooms; here they are only brought together for a round or a corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from pydantic import ValidationError

from synthdata.corpus import CorpusStore
from synthdata.labelling import united, with_opinions
from synthdata.records import (
    HumanLabel,
    LabelSource,
    QuarantinedRow,
    Reflection,
    StepReview,
    Trajectory,
    canonical_json,
    content_hash,
    from_json,
)
from synthdata.reflection import rule_opinions
from synthdata.settings import LabelSettings, RuntimeSettings
from synthdata.sources import read_labels

if TYPE_CHECKING:
    from synthdata.play.replay import Replays

Reviews = list[Reflection | QuarantinedRow]
Runs = Mapping[str, Trajectory]


@dataclass(frozen=True)
class LabelReport:
    """What a file of human verdicts brought: its labels, whether they were new, and the rows that could not be used."""

    labels: tuple[HumanLabel, ...]
    quarantined: tuple[QuarantinedRow, ...]
    new: bool


def label_reviews(reviews: Sequence[Reflection | QuarantinedRow], runs: Runs, settings: LabelSettings) -> Reviews:
    """The reviews with the rules' opinions on the steps they label and, where the settings say so, the replay's."""
    done = list(reviews)
    for i, item in enumerate(reviews):
        if isinstance(item, Reflection) and not item.abstains:
            opinions = rule_opinions(runs[item.trajectory_id])
            done[i] = with_opinions(item, {idx: [opinion] for idx, opinion in opinions.items()})
    return _replayed(done, runs, settings) if settings.replay else done


def replayed_opinions(runs: Iterable[Trajectory]) -> dict[str, dict[int, LabelSource]]:
    """What replay says of every step of these runs, by run; of runs that no world can replay, nothing.

    A second or two a text game; a world is made once for all its runs.
    """
    from synthdata.play.replay import opinions
    from synthdata.worlds.replay import place_of, replaying_runs

    by_place: dict[str, list[Trajectory]] = {}
    for run in runs:
        by_place.setdefault(place_of(run), []).append(run)
    by_place.pop("", None)
    replayed = {}
    for played in by_place.values():
        with replaying_runs(played) as replay:
            for run in played:
                replayed[run.id] = opinions(replay, run)
    return replayed


def _replayed(reviews: Reviews, runs: Runs, settings: LabelSettings) -> Reviews:
    from synthdata.worlds.replay import place_of, replaying_runs

    by_place: dict[str, list[int]] = {}
    for i, item in enumerate(reviews):
        if isinstance(item, Reflection) and not item.abstains:
            by_place.setdefault(place_of(runs[item.trajectory_id]), []).append(i)
    by_place.pop("", None)
    done = list(reviews)
    for places in by_place.values():
        reviewed = [item for i in places if isinstance(item := reviews[i], Reflection)]
        with replaying_runs([runs[item.trajectory_id] for item in reviewed]) as replay:
            for i, item in zip(places, reviewed, strict=True):
                done[i] = _played(item, runs[item.trajectory_id], replay, settings)
    return done


def _played(review: Reflection, run: Trajectory, replay: Replays, settings: LabelSettings) -> Reflection:
    """The review with the replay's labels, its counterfactual verified, and promise and progress of its steps."""
    from synthdata.play.replay import opinions, verified

    by_step = opinions(replay, run)
    if not by_step:
        return review
    made = with_opinions(review, {idx: [opinion] for idx, opinion in by_step.items()})
    if made.counterfactual is not None and verified(replay, run, made):
        made = replace(made, counterfactual=replace(made.counterfactual, verified="replay"))
    if not settings.rollouts:
        return made
    place = {step.idx: n for n, step in enumerate(run.agent_steps)}

    def promise(steps: int) -> float:
        return replay.promise(run, steps, settings.rollouts, settings.rollout_epsilon)

    steps = []
    for item in made.steps:
        after = promise(place[item.idx] + 1)
        steps.append(replace(item, promise=after, progress=after - promise(place[item.idx])))
    return replace(made, steps=tuple(steps))


def take_labels(store: CorpusStore, path: Path, runtime: RuntimeSettings) -> LabelReport:
    """Read human verdicts and keep them as one event; the same verdicts again are the same event.

    Rows that cannot be used stand in the event too, with file, line and reason.

    Raises:
        InputError: no usable row.
        LockedError: another process is writing.
    """
    steps = {run.id: {step.idx for step in run.agent_steps} for run in store.trajectories()}
    rows = list(read_labels(path, steps, max_row_bytes=runtime.max_row_bytes))
    labels = tuple(row for row in rows if isinstance(row, HumanLabel))
    return keep_labels(store, labels, tuple(row for row in rows if isinstance(row, QuarantinedRow)))


def keep_labels(
    store: CorpusStore, labels: tuple[HumanLabel, ...], broken: tuple[QuarantinedRow, ...] = (), key: str = ""
) -> LabelReport:
    """Keep verdicts on steps that the corpus has as one event; the same `key` again, by default all words, is the same.

    Raises:
        LockedError: another process is writing.
    """
    payload: dict[str, object] = {
        "labels": [asdict(label) for label in labels],
        "quarantined": [asdict(row) for row in broken],
    }
    with store.writing():
        new = store.append_event("label", key or content_hash(canonical_json(payload)), payload, store.latest_round())
    return LabelReport(labels, broken, new)


def human_labels(store: CorpusStore, as_of: int | None = None) -> dict[str, dict[int, list[LabelSource]]]:
    """What people said, by run and step; of one person's words on a step the latest."""
    sources: dict[tuple[str, int, str], LabelSource] = {}
    for payload in store.events("label", as_of)["payload"]:
        for row in json.loads(payload)["labels"]:
            sources[row["trajectory_id"], row["step"], row["by"]] = LabelSource("human", row["label"], model=row["by"])
    by_run: dict[str, dict[int, list[LabelSource]]] = {}
    for (run, step, _), source in sources.items():
        by_run.setdefault(run, {}).setdefault(step, []).append(source)
    return by_run


def step_labels(
    store: CorpusStore, as_of: int | None = None, runs: Sequence[str] | None = None
) -> Iterator[tuple[Trajectory, tuple[StepReview, ...]]]:
    """Every run that an admitted review or a person speaks of, with a label for each of the agent's steps.

    Opinions are the rules', those in the admitted reviews, and people's; `agreed_label` says which may be rewarded.
    `runs` names the runs to look at, all by default: their reviews are held in memory together.
    """
    people = human_labels(store, as_of)
    reviewed: dict[str, list[Reflection]] = {}
    rows = store.admitted(as_of, ["trajectory_id", "payload"]).filter(pl.col("trajectory_id") != "")
    if runs is not None:
        rows = rows.filter(pl.col("trajectory_id").is_in(runs))
        people = {run: by_step for run, by_step in people.items() if run in set(runs)}
    for run_id, payload in rows.iter_rows():
        try:
            reviewed.setdefault(run_id, []).append(from_json(Reflection, payload))
        except ValidationError:
            # A candidate of a file may carry any payload; only a reflection's holds labels.
            continue
    wanted = sorted(people.keys() | reviewed.keys())
    known = set(store.experience_table.read(["id"])["id"])
    for run in store.trajectories([name for name in wanted if name in known]):
        yield run, labelled(run, reviewed.get(run.id, []), people.get(run.id, {}))


def labelled(
    run: Trajectory, reviews: Sequence[Reflection] = (), people: Mapping[int, Sequence[LabelSource]] | None = None
) -> tuple[StepReview, ...]:
    """A label for each of the agent's steps: the rules', those of the reviews, and people's."""
    people = people or {}
    by_rule = rule_opinions(run)
    own: dict[int, list[StepReview]] = {}
    for review in reviews:
        for item in review.steps:
            own.setdefault(item.idx, []).append(item)
    made = []
    for step in run.agent_steps:
        opinions = own.get(step.idx, [])
        sources = [source for item in opinions for source in item.sources]
        sources += [by_rule[step.idx]] if step.idx in by_rule else []
        label = united(step.idx, [*sources, *people.get(step.idx, ())])
        played = next((item for item in opinions if item.promise is not None), None)
        made.append(label if played is None else replace(label, promise=played.promise, progress=played.progress))
    return tuple(made)
