"""The benchmark of the learning signals: the sets are read whole, and the scores are those of known answers."""

from __future__ import annotations

import pytest
from judge_oracle import honest

from experiments.signals import agreement, items, score, voices
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.records import LabelSource, Observation, Step, Trajectory

TASK = items.run_of("Sort the words.", ["first comes apple", "then comes zebra", "so the answer is banana"])


def trace(key, first):
    return items.Trace(key, TASK, first)


def test_first_errors_are_counted_by_the_very_step():
    traces = [trace("a", 1), trace("b", 2), trace("c", None), trace("d", 0)]
    blames = [{0: 0.1, 1: 0.9}, {0: 0.8, 2: 0.9}, {0: 0.2, 1: None}, {0: None, 1: None}]
    found = score.located(traces, blames, 0.5)
    assert found == score.Counts(asked=4, silent=1, named=2, right=1, true=3)
    assert found.f1 == pytest.approx(2 / 5)
    assert found.cells() == ["0.50 (1 of 2; 0.01 to 0.99)", "0.33 (1 of 3; 0.01 to 0.91)", "0.40", "25%"]
    assert score.share(0, 0) == "- (0 of 0)"


def test_a_threshold_is_the_one_of_highest_f1():
    sayings = [items.Saying(str(i), TASK, 0, "", holds) for i, holds in enumerate((True, True, False, False))]
    scores = [0.9, 0.6, 0.5, 0.1]
    assert score.best_threshold(scores, lambda t: score.believed(sayings, scores, t)) == 0.6
    assert score.believed(sayings, scores, 0.6).f1 == 1.0
    assert score.best_threshold([None], lambda t: score.believed(sayings, scores, t)) == 1.0


def test_thresholds_never_see_the_half_that_is_reported():
    sayings = [items.Saying(str(i), TASK, 0, "", i % 3 == 0) for i in range(200)]
    asked = []

    def voice(some):
        asked.append([item.key for item in some])
        return [float(item.holds) for item in some]

    counts, _ = score.believed_on_the_other_half(sayings, voice)
    first, second = asked
    assert not set(first) & set(second) and len(first) + len(second) == 200 and 70 < len(second) < 130
    assert counts.asked == len(second) and counts.f1 == 1.0
    assert [item.key for item in items.sampled(sayings, 20)] == [item.key for item in items.sampled(sayings[::-1], 20)]


def test_pairs_are_decided_by_the_higher_score_and_equal_ones_are_silent():
    sides = [(str(i), i // 2, i % 2 == 0) for i in range(6)]
    sayings = [items.Saying(key, TASK, 0, "", holds, f"pair {pair}") for key, pair, holds in sides]
    assert score.preferred(sayings, [2.0, 1.0, 1.0, 2.0, 1.0, 1.0]) == score.Counts(3, 1, 2, 1, 3)
    assert score.preferred(sayings, [None, 1.0, 1.0, 2.0, 1.0, 1.0]) == score.Counts(3, 2, 1, 0, 3)


def test_two_kinds_together_keep_what_both_say():
    rule = {0: LabelSource("rule", "bad"), 1: LabelSource("rule", "good"), 2: LabelSource("rule", "bad")}
    judge = agreement.by_judge({0: 2.0, 1: 2.0, 3: None}, 1.0)
    assert {idx: said.verdict for idx, said in agreement.together(rule, judge).items()} == {0: "bad"}
    steps = (Step(0, "agent", "go", optimal=False), Step(1, "agent", "stay", optimal=True))
    played = items.Trace("t", Trajectory("x", steps), 0)
    assert agreement.kept([played], [judge]) == agreement.Kept(steps=2, kept=2, right=1, bad=2, truly=1)


def test_the_shipped_judge_is_asked_about_one_claim():
    seen = Observation("Error: the gate to platform nine is closed until noon")
    run = Trajectory("Take the train.", (Step(0, "agent", "enter the station", observations=(seen,)),))
    asked = voices.Asked(ScriptedGenerator(honest, "oracle-1"))
    true, false = "It read “the gate to platform nine is closed”.", "It read “the train left from platform two”."
    assert asked([items.Saying("a", run, 0, true, True), items.Saying("b", run, 0, false, False)]) == [1.0, 0.0]
    grounded = voices.Grounded()
    assert grounded([items.Saying("a", run, 0, true, True), items.Saying("b", run, 0, false, False)]) == [1.0, 0.0]


def test_the_sets_are_read_whole(shared_data):
    traces = items.reasoning(shared_data)
    assert len(traces) == 2186 and sum(t.first is not None for t in traces) == 1708
    failed = items.multi_agent(shared_data)
    assert len(failed) == 58 and sum(len(t.run.steps) for t in failed) == 2993
    assert all(t.first is not None and t.first < len(t.run.steps) for t in failed)
    said = items.reviews(shared_data)
    assert len(said) == 851 and sum(item.holds for item in said) == 365
    assert len(items.answers(shared_data)) == 2 * 419
    texts = items.attacks(shared_data, TASK)
    assert len(texts["look-alikes of attack-bastioncorpus"]) == 63 and len(texts["attack-master-keys"]) == 10
    keys = [t.key for t in traces]
    assert len(set(keys)) == len(keys)


def test_rules_find_most_first_errors_of_text_games():
    played = items.games()[::4]
    found = score.located(played, [voices.blame_by_rules(trace) for trace in played], 1.0)
    assert found.f1 > 0.85 and found.true < found.asked
