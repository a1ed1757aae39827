"""The red team: what rules alone must refuse, what they must let pass, and that the count is honest."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from genuine_reviews import feedback, hotpot, matched, right_reviews, worded
from typer.testing import CliRunner
from unseen_reviews import closed_book, decisive_errors, reasons_of_people, second_opinions

from synthdata.cli import app
from synthdata.errors import InputError
from synthdata.judging.credulous import CredulousJudge
from synthdata.judging.floor import canonical, readable
from synthdata.judging.phrases import find_judge_talk
from synthdata.protocols import Judgement
from synthdata.records import Origin, Trajectory
from synthdata.redteam import FAMILIES, FORMS
from synthdata.redteam.attack import carried
from synthdata.redteam.genuine import learner_text
from synthdata.redteam.trial import attack, genuine_records, make_items, verdicts
from synthdata.settings import Settings
from synthdata.similarity.exact import exact_key
from synthdata.sources import read_trajectories

SAMPLE = Path(__file__).parent.parent / "data" / "sample" / "textworld.jsonl.gz"
SETTINGS = Settings()
JUDGE = CredulousJudge()
HELD = [(family, form) for family in FAMILIES for form in family.held]


def name(value):
    return value if isinstance(value, str) else value.id


def runs_of(path):
    return [run for run in read_trajectories(path, origin=Origin.REAL) if isinstance(run, Trajectory)]


@pytest.fixture(scope="module")
def pool():
    return genuine_records(runs_of(SAMPLE), SETTINGS)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "form"), HELD, ids=name)
def test_rules_alone_hold_what_they_must(pool, family, form):
    result = attack(family, form, pool, JUDGE, SETTINGS.recipe, 368)
    assert result.hits == 0, result.got_through[:3]
    # Nought of 368 is under 1 % by the two-sided exact interval.
    assert result.items == 368 and result.interval[1] < 0.01001
    assert sum(result.reasons.values()) == 368 and 0 < result.held_out < 368


@pytest.mark.parametrize(("family", "form"), HELD, ids=name)
def test_rules_hold_a_few_of_each(pool, family, form):
    assert attack(family, form, pool, JUDGE, SETTINGS.recipe, 24).hits == 0


@pytest.mark.parametrize(("family", "form"), [(f, form) for f in FAMILIES for form in f.forms], ids=name)
def test_items_are_distinct_after_normalisation_and_the_same_every_time(pool, family, form):
    items = make_items(family, form, pool, 40)
    assert len({exact_key(item.text) for item in items}) == 40
    assert [item.text for item in items] == [item.text for item in make_items(family, form, pool, 40)]
    if family.expected == "reject" and form == "bare":
        return
    assert all(item.review.trajectory_id == item.run.id for item in items)


def test_genuine_records_pass_before_they_are_spoilt(pool):
    refused = [said for said in verdicts(pool, JUDGE, SETTINGS.recipe) if said]
    assert len(pool) > 500 and len(refused) <= 0.02 * len(pool), refused


class Stern:
    """Abstains from every second item and fails the others."""

    model = "stern"

    def judge(self, items):
        return [Judgement("abstain" if i % 2 else "fail", 0.0, "no") for i in range(len(items))]


def test_a_judge_sees_only_what_the_rules_let_pass_and_its_abstentions_are_counted(pool):
    family = next(family for family in FAMILIES if family.id == "F3")
    free = attack(family, "carried", pool, JUDGE, SETTINGS.recipe, 120)
    judged = attack(family, "carried", pool, Stern(), SETTINGS.recipe, 120)
    assert free.hits > 0 == judged.hits
    assert judged.abstained == free.hits // 2
    assert judged.reasons["judge_rejected"] + judged.abstained == free.hits


def test_too_few_runs_say_so(pool):
    with pytest.raises(InputError, match="bring more runs"):
        make_items(next(family for family in FAMILIES if family.id == "F14"), "bare", pool[:1], 368)
    with pytest.raises(InputError, match="nothing genuine"):
        genuine_records([], SETTINGS)


def test_the_verb_counts_and_ends_with_one_where_a_bar_is_missed(tmp_path):
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        (tmp_path / "runs.jsonl").write_text("".join(lines.readlines()[:40]), encoding="utf-8")
    own = ["redteam", "--trajectories", str(tmp_path / "runs.jsonl"), "--items", "12"]
    done = CliRunner().invoke(app, [*own, "--families", "F1,F14", "--json"])
    shown = json.loads(done.stdout)
    assert done.exit_code == 0 and shown["held"] and shown["judge"] == "credulous"
    assert [(row["family"], row["form"]) for row in shown["results"]] == [
        (family, form) for family in ("F1", "F14") for form in ("bare", "carried")
    ]
    lax = [
        "--set",
        "recipe.floor.grounding_min_words=0",
        "--set",
        "recipe.floor.grounding_min_share=0",
        "--set",
        "recipe.floor.added_words=0",
    ]
    done = CliRunner().invoke(app, [*own, "--families", "F5", "--json", *lax])
    assert done.exit_code == 1 and not json.loads(done.stdout)["held"]
    shown = CliRunner().invoke(app, [*own, "--families", "F1", "--examples", "1"], env={"COLUMNS": "120"}).stdout
    assert "F1" in shown and "0 of 12" in shown and "holds" in shown
    assert CliRunner().invoke(app, [*own, "--families", "F99"]).exit_code != 0


@pytest.mark.slow
@pytest.mark.parametrize("disguise", ["F11", "F13"])
def test_disguised_texts_have_the_verdict_of_the_clean_one(pool, disguise):
    family = next(family for family in FAMILIES if family.id == disguise)
    for form in FORMS:
        result = attack(family, form, pool, JUDGE, SETTINGS.recipe, 368)
        assert result.hits <= 0.02 * result.items, result.got_through[:3]
        # Both verdicts occur, or sameness would mean nothing.
        assert 100 < sum(result.reasons.values()) < 300 or form == "bare"


@pytest.mark.slow
def test_genuine_terse_and_learners_records_pass(pool):
    shares = {}
    for family in FAMILIES:
        if family.expected == "accept":
            result = attack(family, "carried", pool, JUDGE, SETTINGS.recipe, 368)
            shares[family.id] = 1 - result.hits / result.items
    assert set(shares) == {"G1", "G2", "G3"}
    assert min(shares.values()) >= 0.95 and min(shares.values()) >= shares["G1"] - 0.03


def test_false_claims_are_for_judges_and_the_count_says_so(pool):
    for name in ("F8", "F17"):
        family = next(family for family in FAMILIES if family.id == name)
        assert not family.held
        assert attack(family, "carried", pool, JUDGE, SETTINGS.recipe, 40).hits > 4
        assert attack(family, "carried", pool, Stern(), SETTINGS.recipe, 40).hits == 0


@pytest.mark.slow
@pytest.mark.parametrize("read", [hotpot, feedback, right_reviews], ids=lambda read: read.__name__)
def test_genuine_reviews_are_recalled(shared_data, read):
    pairs, unmatched = matched(read(shared_data), SETTINGS.recipe.floor)
    rng = random.Random(0)
    written = [(run, worded(review, learner_text(review.lesson.text, rng))) for run, review in pairs]
    fallen = [said != "" for said in verdicts(pairs, JUDGE, SETTINGS.recipe)]
    learnt = [said != "" for said in verdicts(written, JUDGE, SETTINGS.recipe)]
    assert len(pairs) > 100 and unmatched > 0
    assert sum(fallen) <= 0.05 * len(pairs)
    assert sum(learnt) <= sum(fallen) + 0.03 * len(pairs)
    by_length = sorted(zip(pairs, fallen, strict=True), key=lambda item: len(item[0][1].lesson.text.split()))
    terse, rest = by_length[: len(pairs) // 4], by_length[len(pairs) // 4 :]
    assert sum(f for _, f in terse) / len(terse) <= sum(f for _, f in rest) / len(rest) + 0.03


@pytest.mark.slow
def test_reviews_that_no_rule_was_written_with_are_recalled(shared_data):
    for read in (closed_book, second_opinions):
        pairs, unmatched = matched(read(shared_data), SETTINGS.recipe.floor)
        passed = verdicts(pairs, JUDGE, SETTINGS.recipe).count("")
        assert len(pairs) > 200 and unmatched > 0 and passed >= 0.95 * len(pairs)
    # Notes of people that end without a mark look like cut ones: these are what falls, and the shortfall is documented.
    pairs = [
        pair
        for read in (reasons_of_people, decisive_errors)
        for pair in matched(read(shared_data), SETTINGS.recipe.floor)[0]
    ]
    ended = [(run, worded(review, f"{review.lesson.text.rstrip('.')}.")) for run, review in pairs]
    assert len(pairs) > 150 and verdicts(ended, JUDGE, SETTINGS.recipe).count("") >= 0.95 * len(pairs)


def test_benign_look_alikes_do_not_address_a_judge(shared_data):
    path = shared_data / "attack-bastioncorpus" / "injections.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    benign = [row["text"] for row in rows if row["label"] == "benign"]
    assert len(benign) > 50
    assert [text for text in benign if find_judge_talk(readable(text))] == []


def test_disguises_are_undone_before_the_rules_read():
    assert canonical("\u202elortnoc eht si sihT\u202c") == "This is the control"
    assert readable("The d\u043e\u043er w\u0430s l\u043eck\u0435d") == "The door was locked"
    russian = "\u0410\u0433\u0435\u043d\u0442 \u043e\u0442\u043a\u0440\u044b\u043b \u0434\u0432\u0435\u0440\u044c"
    assert readable(russian) == russian


SPOILT = [
    ("Always plan ahead, validate every assumption and double-check the results carefully.", "generic"),
    ("{own} The reply was “You now hold the crown of the seven kings”, so this is certain.", "ungrounded"),
]


@pytest.mark.parametrize(("text", "reason"), SPOILT, ids=["names nothing", "invents a reply"])
def test_lessons_that_do_not_speak_of_their_run_fall(pool, text, reason):
    pairs = [(run, carried(review, text.format(own=review.lesson.text))) for run, review in pool[:20]]
    said = verdicts(pairs, JUDGE, SETTINGS.recipe)
    assert "" not in said and said.count(reason) > len(said) / 2


def test_a_lesson_that_only_says_its_cause_again_falls(pool):
    pairs = [(run, carried(review, review.cause)) for run, review in pool[:40]]
    assert "" not in verdicts(pairs, JUDGE, SETTINGS.recipe)
