"""Reasons that the record verifies: known answers on tiny runs, what must not be claimed, every quote in its run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from synthdata.generation.scripted import ScriptedGenerator
from synthdata.records import Observation, Origin, Step, Trajectory
from synthdata.reflection import check_lesson, propose, reflect, requests_for
from synthdata.reflection.propose import findings_of
from synthdata.reflection.verified import reasons
from synthdata.reflection.wordings import WORDINGS
from synthdata.settings import FloorSettings, GenerationSettings, Recipe, ReflectionSettings
from synthdata.sources import read_trajectories

DATA = Path(__file__).parent.parent / "data"
SAMPLE, WORLDS = DATA / "sample", DATA / "sample-worlds"
CHOSEN = Recipe(reflection=ReflectionSettings(reasons="chosen"))
TASK = "First, take the brass key from the shelf. Then, unlock the iron chest with the brass key. That's it!"
ROOM = "-= Vault =-\nA vault with grey walls.\n\nYou can see a shelf. On the shelf is a brass key."
TAKE = ("take brass key from shelf", "You take the brass key from the shelf.")
UNLOCK = ("unlock iron chest with brass key", "You unlock the iron chest.\n\nYour score has just gone up by one point.")


def play(*moves: tuple[str, str], success: bool = True, task: str = TASK) -> Trajectory:
    steps = [Step(0, "user", task), Step(1, "system", observations=(Observation(ROOM),))]
    steps += [Step(i, "agent", move, observations=(Observation(reply),)) for i, (move, reply) in enumerate(moves, 2)]
    return Trajectory(task=task, steps=tuple(steps), task_id="t", success=success)


def kinds(run: Trajectory, step: int = 2) -> dict[str, dict[str, str]]:
    finding = next(f for f in findings_of(run) if f.turn.step.idx == step)
    return {one.kind: dict(one.slots) for one in reasons(run, finding)}


GLOBE = ("examine dusty globe", "The globe shows a forgotten continent.")


def test_a_thing_that_neither_task_nor_run_needs() -> None:
    made = kinds(play(GLOBE, TAKE, UNLOCK))
    assert made["unnamed"] == made["unused"] == made["won_without"] == {"x": "dusty globe"}
    assert made["answer"]["q"] == GLOBE[1]
    assert made["better_answer"] == {
        "cg": "taking brass key from shelf", "later": "with the very next move", "q": TAKE[1],
    }  # fmt: skip
    assert made["better_asked"]["q"] == "take the brass key from the shelf"
    assert made["in_view"] == {"x": "brass key", "q": "On the shelf is a brass key.", "ago": "at the start"}


def test_what_the_record_does_not_hold_is_not_claimed() -> None:
    # Named by the task, used by a later move, a run that failed, an answer of two sentences.
    assert "unnamed" not in kinds(play(GLOBE, TAKE, UNLOCK, task=f"{TASK} Mind the globe."))
    assert "unused" not in kinds(play(GLOBE, TAKE, ("take dusty globe", "You take the globe."), UNLOCK))
    failed = kinds(play(GLOBE, TAKE, UNLOCK, success=False))
    assert "unused" in failed and "won_without" not in failed
    assert "answer" not in kinds(play((GLOBE[0], "It is dusty.\nThe globe shows a lost land."), TAKE, UNLOCK))


def test_what_the_better_move_acts_on_is_not_held_against_a_move() -> None:
    shelf, take = ("examine shelf", "The shelf is an unstable piece of junk."), "take brass key"
    task = "Find the brass key. Then, unlock the iron chest with the brass key."
    assert "unnamed" in kinds(play(shelf, (take, TAKE[1]), UNLOCK, task=task))
    assert "unnamed" not in kinds(play(shelf, TAKE, UNLOCK, task=task))


def test_a_cause_says_that_the_game_said_only_what_it_said() -> None:
    for run in read_trajectories(SAMPLE, origin=Origin.SYNTHETIC):
        for proposal in propose(run, FloorSettings()):
            if proposal.label == "bad" and proposal.evidence[-1].field == "action":
                assert not re.search("said the game|answer|read|screen|brought", proposal.cause), proposal.cause


def test_a_door_that_a_way_may_lead_through_is_not_called_unused() -> None:
    opened = ("open oak gate", "You open oak gate.")
    assert "unused" in kinds(play(opened, TAKE, UNLOCK))
    there, back = ("go east", "-= Hall =-\nA hall."), ("go west", ROOM)
    assert "unused" not in kinds(play(opened, there, back, TAKE, UNLOCK))


def test_what_was_known_before() -> None:
    look = ("look", ROOM)
    made = kinds(play(TAKE, look, UNLOCK), 3)
    assert made["room_known"] == {"room": "vault", "ago": "at the start"} and made["same_text"]["ago"] == "at the start"
    assert {"room_known", "same_text"}.isdisjoint(kinds(play(TAKE, ("look", "-= Hall =-\nA hall."), UNLOCK), 3))
    twice = kinds(play(("push wall", "The wall stays."), TAKE, ("push wall", "The wall stays."), UNLOCK), 4)
    assert twice["same_move"] == {"n": "two moves"} and twice["same_text"] == {"ago": "two moves before"}
    listed = ("inventory", "You are carrying nothing.")
    assert "nothing_handled" in kinds(play(listed, TAKE, UNLOCK))
    assert "nothing_handled" not in kinds(play(TAKE, listed, UNLOCK), 3)


def test_what_was_taken_back() -> None:
    east, west = ("go east", "-= Hall =-\nA hall with no doors."), ("go west", ROOM)
    assert kinds(play(east, west, TAKE, UNLOCK))["came_back"] == {
        "jg": "going west", "later": "with the very next move", "room": "vault",
    }  # fmt: skip
    assert "came_back" not in kinds(play(east, ("go west", "-= Attic =-\nAn attic."), TAKE, UNLOCK))
    drop = ("drop brass key", "You drop the brass key on the ground.")
    fetched = kinds(play(TAKE, drop, ("take brass key", "You pick up the brass key."), UNLOCK), 3)
    assert fetched["no_call"] == {"v": "dropping"} and fetched["fetched_again"]["x"] == "brass key"
    assert "no_call" not in kinds(play(TAKE, GLOBE, UNLOCK, task=f"{TASK} Drop the globe."), 3)


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        ("Unlock the iron chest.", "better_asked"),
        ("See that the iron chest is unlocked.", "better_asked"),
        ("There is an iron chest here.", "better_named"),
        ("If the iron chest is unlocked, win.", ""),
        ("Unlock the iron chest with the brass key.", "better_asked"),
        ("Unlock the iron chest with the silver key. Mind the brass key.", ""),
        ("Find the chest. It is of iron.", ""),
    ],
)
def test_the_task_is_quoted_where_it_asks_where_it_names_and_not_where_it_only_supposes(task: str, kind: str) -> None:
    asked = set(kinds(play(GLOBE, UNLOCK, task=task))) & {"better_asked", "better_named"}
    assert asked == ({kind} if kind else set())


def test_a_merit_is_told_by_its_answer_and_by_what_came_of_it() -> None:
    made = kinds(play(TAKE, UNLOCK))
    assert made["brought"]["q"] == TAKE[1] and made["asked"]["q"] == "take the brass key from the shelf"
    assert made["used_answer"]["q"] == "You unlock the iron chest."
    assert "score" not in made and "score" in kinds(play(TAKE, UNLOCK), 3)


def test_every_quote_stands_in_its_run_and_every_kind_has_words_and_a_case() -> None:
    seen = set()
    for run in read_trajectories(SAMPLE, origin=Origin.SYNTHETIC):
        texts = [run.task, *(step.observation for step in run.steps)]
        seen |= {one.kind for finding in findings_of(run) for one in reasons(run, finding)}
        for proposal in propose(run, FloorSettings()):
            assert len(proposal.reasons) <= 4
            for reason in proposal.reasons:
                assert all(any(quote in text for text in texts) for quote in re.findall("“(.+?)”", reason)), reason
                assert not reason.endswith(".") and "{" not in reason
    for path in sorted(WORLDS.glob("*.jsonl.gz")):
        for run in read_trajectories(path, origin=Origin.SYNTHETIC):
            seen |= {one.kind for finding in findings_of(run) for one in reasons(run, finding)}
    assert seen == set(WORDINGS)


def test_a_chosen_reason_is_one_of_those_offered_and_is_the_fact_of_its_record() -> None:
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.SYNTHETIC)][:30]
    rows = [row for row in reflect(runs, ScriptedGenerator(mean_nll=9.0), CHOSEN, b"s") if not row.abstains]
    offered = {(run.id, reason) for run in runs for p in propose(run, FloorSettings()) for reason in p.reasons}
    assert len(rows) > 20
    for row in rows:
        assert (row.trajectory_id, row.fact) in offered and row.lesson.text.endswith(f", because {row.fact}.")
    # How likely a model finds a sentence that is not its own is no ground to refuse it.
    refused = [check_lesson(row, CHOSEN.reflection) for row in rows]
    assert sum(one is None for one in refused) > 0.8 * len(rows)


def test_an_endpoint_writes_its_reasons() -> None:
    run = play(GLOBE, TAKE, UNLOCK)
    endpoint = Recipe(reflection=CHOSEN.reflection, generation=GenerationSettings(generator="openai_http"))
    (held,), (free,) = (requests_for([run], recipe, b"s")[:1] for recipe in (CHOSEN, endpoint))
    assert held.choices and not free.choices
    assert free == requests_for([run], Recipe(), b"s")[0]
