"""Answers that are right for many questions: labels, yes and no, numbers. They recur as often as in the reference."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from test_wording import prose

from synthdata.api import Corpus
from synthdata.gate.reference import ReferenceRow
from synthdata.gate.stages.likeness import _real_recurrence
from synthdata.records import Candidate, Verdict
from synthdata.settings import Settings

HASHING = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
LABELS = {"card_lost": 0.4, "refund": 0.3, "exchange rate": 0.2, "Yes.": 0.08, "7": 0.02}


def answers(n: int, seed: int) -> list[str]:
    return random.Random(seed).choices(list(LABELS), list(LABELS.values()), k=n)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rows = zip(answers(200, 1), prose(200, 1), strict=True)
    reference = [ReferenceRow(answer, question, str(i)) for i, (answer, question) in enumerate(rows)]
    return Corpus.init(tmp_path_factory.mktemp("labels") / "c", reference, settings=HASHING)


def admitted(corpus: Corpus, labels: list[str], seed: int) -> Counter[str]:
    asked = [Candidate(label, question) for label, question in zip(labels, prose(len(labels), seed), strict=True)]
    decisions = corpus.decide(asked).decisions
    return Counter(d.candidate.content for d in decisions if d.verdict is Verdict.ADMIT)


@pytest.mark.parametrize("seed", [2, 3])
def test_labels_as_frequent_as_in_the_reference_get_in(corpus, seed):
    labels = answers(150, seed)
    assert sum(admitted(corpus, labels, seed).values()) >= 0.95 * len(labels)


def test_a_rare_answer_for_everything_is_stopped_by_the_share_that_it_has(corpus):
    flood = ["7"] * 100 + answers(50, 5)
    got = admitted(corpus, flood, 5)
    # Up to 4.5 % of 150 rows by the bound of its share, and chance.
    assert 1 <= got["7"] <= 15
    assert got["card_lost"] >= 10


def test_an_answer_that_the_reference_does_not_hold_keeps_the_quota(corpus):
    quota = corpus.settings.recipe.gate.lesson_quota
    got = admitted(corpus, ["Out of scope"] * 60 + answers(60, 6), 6)
    assert 1 <= got["Out of scope"] <= quota + 1


def test_the_same_answer_about_the_same_question_is_a_copy(corpus):
    question = prose(1, 7)[0]
    asked = [Candidate("refund", question), Candidate("Refund", f"{question} ")]
    reasons = [str(d.reason) for d in corpus.decide(asked).decisions if d.verdict is not Verdict.ADMIT]
    assert reasons == ["exact_duplicate"]


def test_known_answers_of_the_bound(corpus):
    class State:
        settings = corpus.settings.recipe.gate
        admitted = 99
        history = type("History", (), {"reference_rows": 200})

    # At most 4.5 % at the upper bound of 4 in 200, and 12 of 100 rows at its 99.9 % quantile.
    assert _real_recurrence(0, State) == 0
    assert _real_recurrence(4, State) == 3 + 12
