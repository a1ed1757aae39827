"""F15: copies of admitted reviews meet the whole gate, in each manner of copying, and new reviews still pass."""

from __future__ import annotations

import json
import random
import re

import pytest
from genuine_reviews import feedback, matched
from hypothesis import given
from hypothesis import strategies as st
from test_redteam import SAMPLE, runs_of
from typer.testing import CliRunner

from synthdata.cli import app
from synthdata.redteam.copies import MANNERS, copies
from synthdata.redteam.trial import genuine_records
from synthdata.redteam.whole_gate import CONTROL, LIKENESS, copy_attack
from synthdata.settings import Settings
from synthdata.similarity.exact import exact_key

SETTINGS = Settings().with_value("recipe.encoder.backend", "hashing")
# What no encoder is needed for: most of the words and their order, or all of them, are still there.
LIGHT = ("word order", "small edits")


@pytest.fixture(scope="module")
def pool():
    return genuine_records(runs_of(SAMPLE), SETTINGS)


@pytest.fixture(scope="module")
def hashed(pool, tmp_path_factory):
    return {made.manner: made for made in copy_attack(tmp_path_factory.mktemp("copies") / "c", pool, SETTINGS)}


def test_every_manner_makes_distinct_copies_that_keep_quotes(pool):
    made = list(copies(pool[:60], random.Random(0)))
    assert len({item.template for item in made}) == len(MANNERS)
    assert len({exact_key(item.text) for item in made}) > 0.95 * len(made)
    for item in made:
        assert exact_key(item.review.lesson.text) != exact_key(item.twin.lesson.text)
        assert item.review.evidence == item.twin.evidence
        assert re.findall("“[^”]*”", item.review.cause) == re.findall("“[^”]*”", item.twin.cause)


@given(st.sampled_from(MANNERS), st.text(alphabet="ab “”.,;!? because\n", max_size=80), st.integers(0, 9))
def test_any_text_can_be_copied(manner, text, seed):
    assert manner(text, random.Random(seed)) == manner(text, random.Random(seed))


def test_light_copies_fall_and_new_reviews_pass_without_a_model(hashed):
    assert sum(made.items for made in hashed.values()) - hashed[CONTROL].items >= 368
    for manner in LIGHT:
        # By their letters nearly all; what is left goes to the quota or is for the encoder with a model.
        assert hashed[manner].as_copy >= 0.75 * hashed[manner].items, hashed[manner].reasons
    control = hashed[CONTROL]
    # 17 of 308: 15 stand on frames that the framed reflector repeats, since fewer of them fall to quota before (LOG).
    assert control.items > 100 and control.as_copy <= 0.06 * control.items
    assert control.admitted >= 0.7 * control.items, control.reasons
    for made in hashed.values():
        assert made.admitted + sum(made.reasons.values()) == made.items
        assert made.as_copy == sum(made.reasons.get(reason, 0) for reason in LIKENESS)


def test_each_share_has_its_exact_interval(hashed):
    for made in hashed.values():
        low, high = made.interval
        assert low <= made.admitted / made.items <= high
    assert hashed["word order"].admitted == 0 and hashed["word order"].interval[1] < 0.03


@pytest.mark.slow
@pytest.mark.long
def test_without_likeness_nothing_of_it_falls(pool, tmp_path):
    """The count is of the stages that compare: with these open copies are refused for other reasons or not at all."""
    wide = SETTINGS
    for name, value in {"near_jaccard": 1.0, "tau": 2.0, "lexical_share": 1.0, "skeleton_share": 1.0}.items():
        wide = wide.with_value(f"recipe.gate.{name}", value)
    wide = wide.with_value("recipe.gate.collision_max", 1.0)
    made = {one.manner: one for one in copy_attack(tmp_path / "c", pool[:300], wide)}
    assert sum(made[manner].as_copy for manner in LIGHT) == 0 < sum(made[manner].admitted for manner in LIGHT)


@pytest.mark.slow
@pytest.mark.long
def test_the_verb_shows_copies_beside_the_other_families():
    own = ["redteam", "--families", "F1,F15", "--items", "12", "--set", "recipe.encoder.backend=hashing"]
    done = CliRunner().invoke(app, [*own, "--json"])
    shown = json.loads(done.stdout)
    assert done.exit_code == 0 and {row["family"] for row in shown["results"]} == {"F1"}
    assert [row["manner"] for row in shown["copies"]][-1] == CONTROL and len(shown["copies"]) == len(MANNERS) + 1


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_copies_of_real_reviews_fall_with_the_model(shared_data, tmp_path):
    pool = matched(feedback(shared_data), SETTINGS.recipe.floor)[0][:120]
    own = Settings().with_value("recipe.anchor.steps_per_trajectory", 2)
    made = {one.manner: one for one in copy_attack(tmp_path / "c", pool, own)}
    for manner in (*LIGHT, "padded", "few synonyms"):
        assert made[manner].as_copy >= 0.85 * made[manner].items, made[manner].reasons
        assert made[manner].admitted <= 0.1 * made[manner].items
    control = made[CONTROL]
    assert control.as_copy <= 0.25 * control.items and control.cosine < min(
        one.cosine for one in made.values() if one is not control
    )
