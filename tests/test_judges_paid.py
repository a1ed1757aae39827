"""Judges cost what they cost: counted to run and day, never over the budget, and no verdict depends on the money."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from judge_oracle import honest
from judged_games import SAMPLE, made, reviews, runs, settings
from test_spending import begun, run

from synthdata.api import Corpus
from synthdata.corpus import CorpusStore
from synthdata.corpus.digest import digest
from synthdata.generation import CachedGenerator
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.judging.llm import LlmJudge
from synthdata.operations.reflect import RunSelection, Work, decide_reviews, find_work, remember
from synthdata.records.report import RoundReport
from synthdata.rounds.budget import BudgetExceededError, BudgetLedger, held_back, spent

# Fixtures, which pytest finds by name.
__all__ = ["begun", "made", "reviews", "runs"]
JUDGED = [
    *("--set", 'recipe.judge.models=["scripted"]', "--set", 'recipe.judge.families=["other"]'),
    *("--set", "recipe.judge.canaries=4", "--set", "recipe.judge.scan_runs=1"),
]
FEW = {"canaries": 20, "max_fpr": 0.5, "scan_reflections": 3, "scan_runs": 3}


def tokens_kept(corpus: Path) -> int:
    """Tokens of all answers that were ever paid: those that could not be used stay on disk as well."""
    files = [path for path in (corpus / "cache" / "responses").rglob("*") if path.suffix in (".json", ".rejected")]
    answers = [json.loads(path.read_text())["response"] for path in files]
    return sum(answer["prompt_tokens"] + answer["completion_tokens"] for answer in answers)


def test_answers_of_judges_are_counted_to_the_run_that_wanted_them(begun, tmp_path):
    corpus = Path(shutil.copytree(begun, tmp_path / "c"))
    paid, kept = spent(CorpusStore.open(corpus)).tokens, tokens_kept(corpus)
    assert run(corpus, "--limit", 10, *JUDGED).exit_code in (0, 1)
    store = CorpusStore.open(corpus)
    assert "scripted" in store.decisions(["judged"])["judged"].to_list()
    assert spent(store).tokens - paid == tokens_kept(corpus) - kept
    lessons, judging = (json.loads(payload) for payload in store.events("spend")["payload"][-3:][::2])
    assert (lessons["run"], lessons["day"]) == (judging["run"], judging["day"])
    assert judging["tokens"] > 0 and judging["portion"] > lessons["portion"]


def test_a_budget_that_does_not_pay_the_judges_refuses_the_round(begun, tmp_path):
    corpus = Path(shutil.copytree(begun, tmp_path / "c"))
    before = CorpusStore.open(corpus)
    paid, rounds = spent(before).tokens, before.latest_round()
    done = run(corpus, "--limit", 4, "--budget", 12_000, *JUDGED)
    assert isinstance(done.exception, BudgetExceededError) and done.exception.exit_code == 1
    assert "answers of the judge scripted" in str(done.exception)
    store = CorpusStore.open(corpus)
    assert 0 < spent(store).tokens - paid <= 12_000 and store.latest_round() == rounds
    assert len(held_back(store)) == 4


def judged_round(path, work, reviews, budget) -> RoundReport:
    """A round whose judge is paid by a run of its own, within this budget."""
    own = settings(**FEW).with_value("runtime.budget.tokens_per_run", budget)
    store = CorpusStore.open(path)
    before, purse = spent(store).tokens, BudgetLedger(store, own)
    oracle = CachedGenerator(ScriptedGenerator(honest, "oracle-1"), path / "cache" / "responses")
    judge = LlmJudge(purse.pay(oracle), own.recipe, store.secret)
    try:
        return decide_reviews(Corpus(store, own, judge=judge), work, reviews)
    finally:
        assert spent(store).tokens - before <= (budget or 10**9)


@pytest.mark.slow
def test_small_purses_decide_in_the_end_what_a_large_one_decides_at_once(made, runs, reviews, tmp_path):
    rich, poor = (Path(shutil.copytree(made, tmp_path / name)) for name in ("rich", "poor"))
    some = {run.id for run in runs[:25]}
    work = Work(tuple(runs[:25]), (), 0)
    mine = [review for review in reviews if review.trajectory_id in some]
    for path in (rich, poor):
        remember(Corpus.open(path, settings=settings()), work)
    judged_round(rich, work, mine, 0)
    refused = 0
    while refused < 50:
        try:
            judged_round(poor, work, mine, 30_000)
            break
        except BudgetExceededError:
            refused += 1
            waiting = find_work(Corpus.open(poor, settings=settings()), SAMPLE, RunSelection(limit=30))
            assert {run.id for run in waiting.runs} == some
    assert refused
    stores = [CorpusStore.open(path) for path in (rich, poor)]
    assert digest(stores[0]) == digest(stores[1]) and stores[0].latest_round() == 1
    assert spent(stores[0]) == spent(stores[1])  # nothing was paid twice
    assert len(find_work(Corpus.open(poor, settings=settings()), SAMPLE, RunSelection(limit=30)).runs) == 30
