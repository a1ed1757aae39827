"""Worlds: the same seed is the same task, a prefix restored is the prefix acted, the goal scores 1, records repeat."""

from __future__ import annotations

import json
from collections import Counter, deque
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthdata.labelling.opinions import replayed_opinions
from synthdata.play.collect import Order
from synthdata.play.games import draw
from synthdata.records import Origin
from synthdata.reflection import rule_opinions
from synthdata.sources import read_trajectories
from synthdata.worlds.collect import Setting, collect_to
from synthdata.worlds.environment import Action
from synthdata.worlds.episode import Recovery, play
from synthdata.worlds.guard import Guard
from synthdata.worlds.make import PLAIN, make, shipped_policy
from synthdata.worlds.players import Expert, LikelihoodPlayer, Noisy, slip
from synthdata.worlds.replay import WorldReplay, _carried_out, world_of
from synthdata.worlds.text_games import TextGames
from synthdata.worlds.tools.desk import Desk
from synthdata.worlds.tools.kinds import KINDS

APPROVED = ("cancel_booking", "cancel_order", "refund")
ATTENDED = Guard(shipped_policy("tools"), lambda action: action.name in APPROVED)


def wander(world, choices):
    """Act as the numbers say: sensible actions, slips of them, the plan's; returns what was done."""
    done = []
    for number in choices:
        offered, plan = world.actions(), world.plan()
        action = plan[0] if plan and number % 3 == 0 else offered[number // 3 % len(offered)] if offered else None
        if action is None:
            break
        done.append(slip(action, number) if number % 7 == 0 else action)
        world.step(done[-1])
    return done


def state(world):
    plan = world.plan()
    return list(world.rows()), world.observe(), world.actions(), world.score(), plan


@given(st.integers(0, 10_000), st.lists(st.integers(0, 10_000), max_size=14), st.integers(0, 14))
@settings(max_examples=60)
def test_a_restored_prefix_is_the_prefix_acted(seed, choices, length):
    with closing(Desk(busy=0.2)) as world, closing(Desk(busy=0.2)) as other:
        world.reset(seed)
        prefix = wander(world, choices)[:length]
        other.reset(seed)
        for action in prefix:
            other.step(action)
        world.restore(prefix)
        assert state(world) == state(other)
        # From there on it goes on as if nothing had been undone, and any other prefix is in reach as well.
        assert wander(world, choices[::-1]) == wander(other, choices[::-1])
        assert state(world) == state(other)
        world.restore(())
        other.reset(seed)
        assert state(world) == state(other)


@pytest.mark.parametrize("seed", range(2 * len(KINDS)))
def test_the_plan_reaches_the_goal_and_only_the_goal_scores(seed):
    with closing(Desk(busy=0)) as world:
        world.reset(seed)
        plan = world.plan()
        assert plan and world.score() == 0
        for number, action in enumerate(plan):
            assert world.plan() == plan[number:]
            assert not world.step(action).failed
        assert world.score() == 1 and world.plan() == ()


def brute_force(world, limit):
    """Steps to the goal by search over all offered calls and the plan's arguments, None if over `limit`."""
    queue, seen = deque([()]), set()
    while queue:
        prefix = queue.popleft()
        world.restore(prefix)
        if world.score() == 1:
            return len(prefix)
        key = (tuple(world.rows()), world._moments[-1].over, tuple(sorted(world.actions())))
        if key in seen or len(prefix) == limit:
            continue
        seen.add(key)
        queue.extend((*prefix, action) for action in world.actions())
    return None


# Kinds whose whole way is short enough to search every other way of the same length.
@pytest.mark.parametrize(
    "kind",
    [
        "restock",
        "new_address",
        *(pytest.param(k, marks=pytest.mark.slow) for k in ("cancel_trip", "close", "pay_back")),
    ],
)
def test_the_plan_is_as_short_as_a_brute_force_search(kind):
    seed = [k.__name__ for k in KINDS].index(kind)
    with closing(Desk(busy=0)) as world:
        world.reset(seed)
        plan = world.plan()
        assert brute_force(world, len(plan) - 1) is None, "no shorter way"


def test_what_cannot_be_undone_leaves_no_plan_and_what_can_leaves_a_longer_one():
    with closing(Desk(busy=0)) as world:
        world.reset(2)
        assert world.kind == "move_trip"
        plan = world.plan()
        for action in plan[:-2]:
            world.step(action)
        (booking,) = [a.values["booking_id"] for a in plan if a.name == "move_booking"]
        before = len(world.plan())
        world.step(Action.of("change_seats", booking_id=booking, seats=5))
        assert len(world.plan()) == before + 1
        world.step(Action.of("cancel_booking", booking_id=booking))
        assert world.plan() is None


def test_a_refusal_task_fails_for_who_does_nothing_and_names_no_rule():
    with closing(Desk(busy=0)) as world:
        world.reset(1)
        world.step(Action.of("finish", outcome="done", rule=""))
        assert (world.kind, world.score(), world.plan()) == ("cancel_saver", 0.0, None)


def test_arguments_are_checked_and_a_hanging_tool_is_stopped():
    from synthdata.worlds.tools.calls import Tool, ToolError, carry_out

    with closing(Desk(busy=0)) as world:
        world.reset(0)
        said = [world.step(a).seen.text for a in (
            Action.of("find_customer"), Action.of("change_seats", booking_id="B1", seats="two"),
            Action("refund", "not json"), Action.of("launch"), Action.of("find_customer", email="nobody"),
        )]  # fmt: skip
        assert all(text.startswith("Error: ") for text in said)
        assert "unknown tool" in said[3] and "not found" in said[4]
        query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        endless = Tool("endless", "", {}, lambda db, values: db.execute(query).fetchone())
        with pytest.raises(ToolError, match="took too long"):
            carry_out(world.db, endless, {})


class ShortestFirst:
    def nll(self, prompt, continuations):
        return [float(len(text)) for text in continuations]


@pytest.mark.parametrize("player", [Expert(), LikelihoodPlayer(ShortestFirst(), "shortest")], ids=lambda p: p.name)
def test_the_same_seeds_give_the_same_records_which_read_back_and_replay_whole(tmp_path, player):
    setting = Setting(PLAIN["tools"], ATTENDED, APPROVED)
    order = Order(games=19, episodes=1, epsilons=(0.0, 0.4), seed=3)
    one = collect_to(tmp_path / "one.jsonl", setting, order, player, chunk_size=4)
    collect_to(tmp_path / "two.jsonl", setting, order, player, chunk_size=19)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    runs = list(read_trajectories(tmp_path / "one.jsonl", origin=Origin.SYNTHETIC))
    assert len(runs) == one.trajectories == len({run.id for run in runs})
    opinions = replayed_opinions(runs)
    for run in runs:
        # What the episode recorded beside each step is what replay finds from the text alone.
        told = {step.idx: step.optimal for step in run.agent_steps}
        assert {idx: said.verdict == "good" for idx, said in opinions[run.id].items()}.items() <= told.items()
    assert sum(map(len, opinions.values())) >= 0.8 * sum(len(run.agent_steps) for run in runs)


def test_expert_with_recovery_wins_more_and_every_try_is_on_record():
    won, kinds = Counter(), Counter()
    for seed in range(57):
        for recovery in (None, Recovery()):
            with closing(Desk()) as world:
                world.reset(seed)
                episode = play(world, Noisy(Expert(), 0.4, (seed,)), ATTENDED, recovery)
                won[recovery] += episode.score == 1
                events = [event.kind for done in episode.done for event in done.events]
                assert recovery or not events
                kinds.update(events)
                assert sum(done.kept is not None for done in episode.done) <= 2
                assert episode.reason
    assert won[Recovery()] > won[None]
    assert {"retry", "avoid", "restore"} <= set(kinds)


def test_an_unapproved_step_is_refused_and_the_expert_says_why_it_stops():
    with closing(Desk(busy=0)) as world:
        world.reset(0)
        episode = play(world, Expert(), Guard(shipped_policy("tools")), Recovery())
        refused = [done for done in episode.done if done.refusal]
        assert {done.refusal.rule for done in refused} == {"approval"}
        assert episode.ended == "gave_up" and "cancel_booking" in episode.reason
        assert all(done.answer.seen.text.startswith("Error: refused by rule approval") for done in refused)


def test_what_was_refused_is_no_merit_and_a_busy_moment_no_fault(tmp_path):
    setting = Setting(PLAIN["tools"], ATTENDED, APPROVED)
    collect_to(tmp_path / "runs.jsonl", setting, Order(games=57, episodes=1, epsilons=(0.3,), seed=2), Expert())
    refused, busy = [], []
    for run in read_trajectories(tmp_path / "runs.jsonl", origin=Origin.SYNTHETIC):
        said = rule_opinions(run)
        for step, later in pairwise(run.agent_steps):
            if "refused by rule" in step.observation:
                refused.append(said[step.idx].verdict)
            if "busy" in step.observation and later.call_text == step.call_text and "Error" not in later.observation:
                busy.append(step.idx in said and said[step.idx].verdict == "bad")
    assert set(refused) == {"bad"} and len(refused) > 3
    assert not any(busy) and len(busy) > 3


def test_a_counterfactual_is_verified_from_the_very_state(tmp_path):
    setting = Setting(PLAIN["tools"], ATTENDED, APPROVED)
    collect_to(tmp_path / "runs.jsonl", setting, Order(games=38, episodes=1, epsilons=(0.4,), seed=1), Expert())
    checked = 0
    for run in read_trajectories(tmp_path / "runs.jsonl", origin=Origin.SYNTHETIC):
        replay = WorldReplay(make(json.loads(run.environment)["world"]))
        found = replay.steps(run)
        for step in run.agent_steps:
            was = found.get(step.idx)
            if was is None or was.label != "bad":
                assert was is not None or "busy" in step.observation
                continue
            replay.world.reset(json.loads(run.environment)["world"]["seed"])
            replay.world.restore(_carried_out(run, world_of(run), step.idx))
            better = replay.world.plan()[0]
            assert replay.is_better(run, step.idx, str(better))
            assert not replay.is_better(run, step.idx, step.call_text)
            # A harmless look-up is better than what spoils the goal, and no better than another harmless step.
            harmless = 'find_customer({"email":"nobody"})'
            assert replay.is_better(run, step.idx, harmless) == (was.after is None or was.after > was.before)
            checked += 1
    assert checked > 10


def test_text_games_stand_behind_the_same_protocol():
    pytest.importorskip("textworld")
    with closing(TextGames(series=5)) as world:
        world.reset(0)
        plan = world.plan()
        assert plan and world.score() == 0
        done = [world.actions()[draw("t", n) % len(world.actions())] for n in range(1)]
        world.step(done[0])
        here = world.observe(), world.actions(), world.plan()
        if world.actions():
            world.step(world.actions()[-1])
        world.restore(done)
        assert (world.observe(), world.actions(), world.plan()) == here
        world.reset(0)
        episode = play(world, Expert(), Guard(shipped_policy("tools").model_copy(update={"tools": ("play",)})), None)
        assert episode.score == 1 and len(episode.done) == len(plan)
        assert world.step(Action.of("play", command="xyzzy")).failed == "error"
