"""Numbers, negation and roles tell texts apart that letters and vectors do not; paraphrases stay copies."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.meaning import differ_in_numbers_alone, same_meaning

APART = [
    ("Take two tablets a day after meals.", "Take eight tablets a day after meals."),
    ("Take 8 tablets a day.", "Take 80 tablets a day."),
    ("The dog bites the man.", "The man bites the dog."),
    ("Paul sold Anna the car.", "Anna sold Paul the car."),
    ("The patient may drive.", "The patient may not drive."),
    ("A child isn't playing in the yard", "A child is playing in the yard"),
    ("水加热到100度就会沸腾。", "水加热到90度就会沸腾。"),
    ("他每天吃三次药。", "他每天吃五次药。"),
    ("医生说可以开车。", "医生说不可以开车。"),
    ("++[<+++++++>-]<+.[+]", ">+>+++[<<.>+>+]<<++."),
    ("😂😂🔥", "🙏❤️"),
]
ALIKE = [
    ("Take the tablets twice a day.", "The tablets should be taken twice a day."),
    ("Because the key was lost, they broke the door.", "They broke the door because the key was lost."),
    ("The agent should look up the fare class first.", "First the agent ought to look up the fare class."),
    ("A man is playing a guitar", "A man is playing the guitar"),
    ("It cost 3.50 euros.", "The price was 3.50 euros."),
    ("🙏 🙏!", "“🙏 🙏”"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_other_numbers_polarity_or_roles_are_another_meaning(one, other):
    assert not same_meaning(one, other) and not same_meaning(other, one)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_paraphrases_are_not_told_apart(one, other):
    assert same_meaning(one, other)


@given(st.text(), st.text())
def test_meaning_is_symmetric_and_a_text_means_itself(one, other):
    assert same_meaning(one, one) and same_meaning(one, other) == same_meaning(other, one)
    assert differ_in_numbers_alone(one, other) == differ_in_numbers_alone(other, one)


def test_numbers_alone():
    road = "Farm to Market Road {n} (FM {n}) is located in Lamar County."
    assert differ_in_numbers_alone(road.format(n=1506), road.format(n=1507))
    assert differ_in_numbers_alone("two tablets a day", "eight tablets a day")
    assert not differ_in_numbers_alone(road.format(n=1506), road.format(n=1506).upper())
    assert not differ_in_numbers_alone(road.format(n=1506), road.format(n=1507).replace("Lamar", "Leon"))


def test_labelled_pairs_that_mean_the_same_are_mostly_not_kept_apart(shared_data):
    with (shared_data / "dup-sick" / "SICK_trial.txt").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    same = [
        row for row in rows if float(row["relatedness_score"]) >= 4.8 and row["entailment_judgment"] == "ENTAILMENT"
    ]
    against = [row for row in rows if row["entailment_judgment"] == "CONTRADICTION"]
    kept = sum(not same_meaning(row["sentence_A"], row["sentence_B"]) for row in same)
    told = sum(not same_meaning(row["sentence_A"], row["sentence_B"]) for row in against)
    assert kept <= 0.2 * len(same) and told >= 0.5 * len(against)
