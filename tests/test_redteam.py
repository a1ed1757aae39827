"""The red team: what rules alone must refuse, what they must let pass, and that the count is honest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from genuine_reviews import feedback, hotpot, matched, right_reviews
from typer.testing import CliRunner

from synthdata.cli import app
from synthdata.errors import InputError
from synthdata.judging.credulous import CredulousJudge
from synthdata.judging.redteam import FAMILIES, FORMS
from synthdata.protocols import Judgement
from synthdata.records import Origin, Trajectory
from synthdata.redteam import attack, genuine_records, make_items, verdicts
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("family", FAMILIES, ids=name)
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


def test_the_verb_counts_and_ends_with_one_where_a_bar_is_missed():
    done = CliRunner().invoke(app, ["redteam", "--families", "F1,F14", "--items", "12", "--json"])
    shown = json.loads(done.stdout)
    assert done.exit_code == 0 and shown["held"] and shown["judge"] == "credulous"
    assert [(row["family"], row["form"]) for row in shown["results"]] == [
        (family, form) for family in ("F1", "F14") for form in ("bare", "carried")
    ]
    lax = [
        "--set",
        "recipe.floor.own_words=0",
        "--set",
        "recipe.floor.own_share=0",
        "--set",
        "recipe.floor.added_words=0",
    ]
    done = CliRunner().invoke(app, ["redteam", "--families", "F5", "--items", "12", "--json", *lax])
    assert done.exit_code == 1 and not json.loads(done.stdout)["held"]
    assert CliRunner().invoke(app, ["redteam", "--families", "F99"]).exit_code != 0


@pytest.mark.slow
@pytest.mark.parametrize("read", [hotpot, feedback, right_reviews], ids=lambda read: read.__name__)
def test_genuine_reviews_are_recalled(shared_data, read):
    pairs, unmatched = matched(read(shared_data), SETTINGS.recipe.floor)
    refused = [said for said in verdicts(pairs, JUDGE, SETTINGS.recipe) if said]
    assert len(pairs) > 100 and unmatched > 0
    assert len(refused) <= 0.05 * len(pairs), refused
