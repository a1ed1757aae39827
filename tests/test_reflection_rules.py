"""The rules of the framed reflector: known answers on tiny runs, recall on real play, evidence that always holds."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.records import Observation, Origin, Step, ToolCall, Trajectory
from synthdata.reflection import faulty_steps, propose
from synthdata.reflection.propose import findings_of
from synthdata.reflection.quotes import Rarity, field_text
from synthdata.reflection.reading import command_of, failure_span, parse_call, read_turns
from synthdata.reflection.speech import gerund, imperative, shorten
from synthdata.settings import FloorSettings
from synthdata.sources import read_trajectories

FLOOR = FloorSettings()
SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "textworld.jsonl.gz"
TASK = "First, take the brass key from the shelf. Then, unlock the iron chest with the brass key. That's it!"


def play(*moves, task=TASK, success=True):
    steps = [Step(0, "user", task)]
    steps += [Step(i, "agent", move, observations=(Observation(reply),)) for i, (move, reply) in enumerate(moves, 1)]
    return Trajectory(task=task, steps=tuple(steps), task_id="t", success=success)


def call(name, reply, **arguments):
    return name, json.dumps(arguments), reply


def tools(*calls, success=True):
    steps = [Step(0, "user", "Book the flight for me, please.")]
    for i, item in enumerate(calls, 1):
        if isinstance(item, str):
            steps.append(Step(i, "agent", item))
        else:
            name, arguments, reply = item
            steps.append(Step(i, "agent", tool_calls=(ToolCall(name, arguments),), observations=(Observation(reply),)))
    return Trajectory(task="Book the flight", steps=tuple(steps), task_id="t", success=success)


TAKE = ("take brass key from shelf", "You take the brass key from the shelf.")
UNLOCK = ("unlock iron chest with brass key", "You unlock the iron chest. Your score has gone up.")


@pytest.mark.parametrize(
    ("move", "reply", "rule"),
    [
        ("look", "A vault with grey walls and one candle stub.", "look"),
        ("inventory", "You are carrying nothing at all here.", "inventory"),
        ("examine dusty globe", "The globe shows a forgotten continent.", "examined_strange"),
        ("examine iron chest", "The iron chest looks heavy and old.", "examined_needed"),
        ("take dusty globe", "You take the dusty globe from the floor.", "strange"),
        ("drop dusty globe", "You drop the dusty globe on the ground.", "uncalled"),
        ("put dusty globe on table", "You put the dusty globe on the table.", "misplaced"),
    ],
)
def test_each_idle_move_is_found_by_its_rule(move, reply, rule):
    run = play(TAKE, (move, reply), UNLOCK)
    assert faulty_steps(run) == {2: rule}
    bad = [p for p in propose(run, FLOOR) if p.label == "bad"]
    assert [(p.step, p.rule, p.better) for p in bad] == [(2, rule, UNLOCK[0])]


def test_the_moves_that_the_task_asks_for_are_not_blamed():
    assert faulty_steps(play(TAKE, UNLOCK)) == {}


def test_going_somewhere_and_straight_back_blames_the_way_there():
    run = play(TAKE, ("go east", "A bare kitchen without anything."), ("go west", "The vault."), UNLOCK)
    assert faulty_steps(run) == {2: "wandering"}
    (bad,) = [p for p in propose(run, FLOOR) if p.label == "bad"]
    assert bad.better == UNLOCK[0]


LOOK, EAST = ("look", "A vault with grey walls and one candle stub."), ("go east", "-= Hall =-\nA hall.")
WEST, DROP = ("go west", "-= Vault =-\nA vault."), ("drop brass key", "You drop the brass key on the ground.")
OPEN_GATE = ("open oak gate", "You open the oak gate with a creak.")


@pytest.mark.parametrize(
    ("moves", "better"),
    [
        # What another idle move made possible was not open at the first one.
        (
            (TAKE, LOOK, DROP, ("take brass key", "You pick it up."), ("open iron chest", "You open it.")),
            "open iron chest",
        ),
        ((TAKE, LOOK, DROP, ("take brass key", "You pick it up.")), ""),
        ((TAKE, LOOK, EAST, UNLOCK), "go east"),
        ((LOOK, OPEN_GATE, EAST), ""),
        ((TAKE, LOOK, EAST, WEST, EAST, ("take lamp", "Taken.")), "go east"),
        # Nothing between touches it, or all that did was taken back, and the room is the same again.
        ((TAKE, LOOK, DROP, ("take brass key", "You pick it up."), UNLOCK), UNLOCK[0]),
        ((TAKE, LOOK, EAST, WEST, UNLOCK), UNLOCK[0]),
        ((LOOK, ("inventory", "You are carrying nothing."), TAKE, UNLOCK), TAKE[0]),
    ],
)
def test_a_move_is_advised_only_where_it_was_open_already(moves, better):
    at = 1 + moves.index(LOOK)
    found = [f.better.raw if f.better else "" for f in findings_of(play(*moves)) if f.turn.step.idx == at]
    assert (found or [""]) == [better]


def test_what_is_advised_could_be_made_there_and_is_nearly_always_a_best_move():
    """Against the log's own marks, which no rule reads: commands that were open, and moves that shortened the plan."""
    documents = [json.loads(line) for line in gzip.decompress(SAMPLE.read_bytes()).splitlines()]
    marks = {(d["extra"]["task_id"], *(s["message"] for s in d["steps"][2:])): d["steps"] for d in documents}
    best = []
    for run in read_trajectories(SAMPLE, origin=Origin.SYNTHETIC):
        steps = marks[run.task_id, *(step.action for step in run.agent_steps)]
        for finding in findings_of(run):
            if finding.better is not None:
                assert finding.better.raw in steps[finding.turn.step.idx]["extra"]["admissible"]
                best.append(steps[finding.better.step.idx]["extra"]["optimal"])
    assert len(best) > 500 and sum(best) / len(best) > 0.94


@pytest.mark.parametrize(
    ("task", "better"),
    [
        ("Unlock the iron box with the brass key, then open the iron box.", ""),
        ("Insert the brass key into the iron box.", "insert brass key into iron box"),
        ("Take the brass key. Place the brass key in the iron box.", "insert brass key into iron box"),
    ],
)
def test_to_give_a_thing_away_is_advised_only_where_the_task_asks_for_it(task, better):
    put = ("insert brass key into iron box", "You put the brass key into the iron box.")
    (bad,) = [f for f in findings_of(play(LOOK, put, task=task)) if f.turn.step.idx == 1] or [None]
    assert (bad.better.raw if bad else "") == better


def test_turning_back_on_the_right_way_blames_the_way_back():
    run = play(TAKE, ("go east", "Hall."), ("go west", "Vault."), ("go east", "Hall."), UNLOCK)
    assert faulty_steps(run) == {3: "wandering"}


def test_of_do_undo_do_again_the_undoing_is_blamed():
    put_back = ("put brass key on shelf", "You put the brass key on the shelf.")
    assert list(faulty_steps(play(TAKE, put_back, TAKE, UNLOCK))) == [2]


def test_a_container_that_served_before_it_was_closed_was_not_opened_in_vain():
    task = "Take the brass key from the oak box. Then unlock the iron chest with the brass key."
    opened, closed = ("open oak box", "You open the oak box."), ("close oak box", "You close the oak box.")
    taken = ("take brass key from oak box", "You take the brass key from the oak box.")
    assert list(faulty_steps(play(opened, taken, closed, UNLOCK, task=task))) == [3]


def test_a_move_inside_a_tool_call_is_read_as_the_move():
    run = tools(call("play", "You take the lamp from the shelf.", command="take lamp from shelf"))
    (turn,) = read_turns(run)
    assert (turn.kind, turn.verb, turn.names) == ("move", "take", ("lamp", "shelf"))


def test_a_failed_call_that_a_changed_one_mends():
    wrong = call("book", "Error: payment amount does not add up, total price is 305", amount=255)
    right = call("book", '{"reservation_id": "HATHAT", "status": "booked"}', amount=305)
    proposals = {p.rule: p for p in propose(tools(wrong, right), FLOOR)}
    bad, good = proposals["mended_later"], proposals["mended"]
    assert (bad.step, bad.cause_code, bad.better) == (1, "bad_args", 'book({"amount": 305})')
    assert "payment amount does not add up, total price is 305" in bad.fact
    assert bad.order == "call book with amount 305"
    assert (good.step, good.cause_code, good.better) == (2, "recovery", "")


def test_a_failed_call_sent_again_unchanged_ignores_what_it_was_told():
    wrong = call("book", "Error: no seat is left on flight HAT001", flight="HAT001")
    other = call("search", '[{"flight_number": "HAT002", "seats": 3}]', date="2024-05-20")
    found = {p.step: (p.rule, p.cause_code) for p in propose(tools(wrong, wrong, other, success=False), FLOOR)}
    # The repeated failing line stands in two of four steps and proves nothing; the rules still see the fault.
    assert faulty_steps(tools(wrong, wrong, other))[2] == "ignored_failure"
    assert found.get(2, ("ignored_failure", "ignored_observation")) == ("ignored_failure", "ignored_observation")


def test_success_claimed_over_a_failure_and_a_run_that_stops_on_one():
    wrong = call("book", "Error: gift card balance is not enough", card="g1")
    claimed = tools(wrong, "Your flight has been booked successfully.", success=False)
    assert faulty_steps(claimed)[2] in ("claimed_over_failure", "stopped_on_failure")
    stopped = tools(wrong, "I am sorry, goodbye.", success=False)
    assert [(p.rule, p.cause_code) for p in propose(stopped, FLOOR)] == [("stopped_on_failure", "premature_stop")]


def test_an_identifier_from_an_earlier_reply_is_a_merit_of_successful_runs_only():
    lookup = call("get_user", '{"reservations": ["UM3OG5"]}', user="mia")
    use = call("get_reservation", '{"origin": "SEA", "cabin": "economy class"}', reservation_id="UM3OG5")
    assert [p.rule for p in propose(tools(lookup, use), FLOOR)] == ["grounded_value"]
    assert propose(tools(lookup, use, success=False), FLOOR) == []


def test_what_reads_as_a_failure():
    assert failure_span("all fine, 3 tests passed") is None
    text = "Traceback (most recent call last):\n  File x\nValueError: bad date\n"
    assert text[slice(*failure_span(text))] == "ValueError: bad date"
    assert failure_span("bash: foo: command not found")
    assert failure_span("Error: user not found")
    assert failure_span("lines of a novel " * 40 + "he was not found") is None


def test_shapes_of_calls_are_read_without_trust():
    assert parse_call('f({"a": 1})') == ("f", {"a": 1})
    assert parse_call("f({broken") is None
    assert parse_call("f(" + "[" * 100_000 + ")") is None
    assert command_of('bash({"command": "ls -l"})') == "ls -l"
    assert command_of('f({"path": "x"})') == ""


def test_speech():
    assert gerund("take brass key") == "taking brass key"
    assert gerund("look") == "looking around"
    assert imperative('book({"amount": 305, "user": "mia"})', 'book({"amount": 255, "user": "mia"})') == (
        "call book with amount 305"
    )
    assert imperative("ls -l /tmp") == "run `ls -l /tmp`"
    assert shorten("word " * 40).endswith("…")


def test_wording_varies_over_runs_and_samples_but_not_over_calls():
    runs = [play(TAKE, ("look", f"A vault of {n} grey stones and a stub."), UNLOCK) for n in range(40)]
    facts = {next(p for p in propose(run, FLOOR) if p.rule == "look").fact for run in runs}
    assert len(facts) >= 8
    assert len({next(p for p in propose(runs[0], FLOOR, s) if p.rule == "look").fact for s in range(20)}) >= 5
    assert propose(runs[0], FLOOR) == propose(runs[0], FLOOR)


def test_ground_truth_never_changes_a_proposal_but_for_the_identity_of_the_run():
    for run in sample_runs()[:40]:
        flipped = replace(run, steps=tuple(replace(s, optimal=not s.optimal) for s in run.steps))
        assert faulty_steps(flipped) == faulty_steps(run)
        assert {(p.rule, p.step, p.evidence) for p in propose(flipped, FLOOR)} == {
            (p.rule, p.step, p.evidence) for p in propose(run, FLOOR)
        }


def sample_runs():
    return [run for run in read_trajectories(SAMPLE, origin=Origin.SYNTHETIC) if isinstance(run, Trajectory)]


def test_precision_and_recall_on_recorded_play():
    """Against ground truth, over runs that left the plan: the probe's union of text rules had 0.84 and 0.83."""
    hits = calls = faults = 0
    for run in sample_runs():
        wrong = {s.idx for s in run.agent_steps if s.optimal is False}
        if wrong:
            blamed = set(faulty_steps(run))
            hits, calls, faults = hits + len(wrong & blamed), calls + len(blamed), faults + len(wrong)
    assert hits / calls >= 0.90
    assert hits / faults >= 0.88


def check_proposals(run):
    """Everything that is promised of a proposal, whatever the run."""
    rarity, steps = Rarity.of(run, FLOOR), {s.idx: s for s in run.steps}
    for p in propose(run, FLOOR):
        assert steps[p.step].role == "agent"
        assert all(field_text(steps[e.step_idx], e.field)[e.start : e.end] == e.quote for e in p.evidence)
        assert any(rarity.is_telling(e.quote) for e in p.evidence)
        assert p.better not in (steps[p.step].action, steps[p.step].call_text) or not p.better
        assert p.fact and p.cause and p.done and "{" not in p.done[:1]
        assert run.success is True or p.label == "bad"


def test_proposals_of_recorded_play_hold():
    for run in sample_runs():
        check_proposals(run)


texts = st.one_of(
    st.sampled_from(
        ["look", "take key", "go east", "go west", "Error: no such flight HAT9", "ok", "", "go", "put", "f({})", "{x}"]
    ),
    st.text(max_size=60),
)
steps = st.builds(
    lambda role, action, thought, calls, seen: (role, action, thought, calls, seen),
    st.sampled_from(["agent", "agent", "user", "system"]),
    texts,
    texts,
    st.lists(st.tuples(st.sampled_from(["play", "book", "é"]), texts), max_size=2),
    st.lists(texts, max_size=2),
)


@given(st.lists(steps, max_size=8), texts, st.sampled_from([True, False, None]))
def test_proposals_hold_for_any_run(rows, task, success):
    made = tuple(
        Step(i, role, action, thought, tuple(ToolCall(*c) for c in calls), tuple(Observation(o) for o in seen))
        for i, (role, action, thought, calls, seen) in enumerate(rows)
    )
    check_proposals(Trajectory(task=task, steps=made, success=success))


@given(st.data())
def test_proposals_hold_for_mutated_play(data):
    run = data.draw(st.sampled_from(sample_head()))
    order = data.draw(st.permutations(range(1, len(run.steps))))
    shuffled = [run.steps[0], *(replace(run.steps[k], idx=i) for i, k in enumerate(order, 1))]
    check_proposals(replace(run, steps=tuple(shuffled)))


def sample_head():
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as handle:
        lines = [next(handle) for _ in range(12)]
    from synthdata.sources import atif

    return [run for line in lines for run in atif.read(json.loads(line))]


@pytest.mark.parametrize("folder", ["traj-tau-bench-airline", "traj-swe-agent"])
def test_proposals_of_real_logs_hold(shared_data, folder):
    runs = [run for run in read_trajectories(shared_data / folder, origin=Origin.REAL) if isinstance(run, Trajectory)]
    proposed = 0
    for run in runs[:60]:
        check_proposals(run)
        proposed += bool(propose(run, FLOOR))
    assert proposed >= len(runs[:60]) // 3
