"""Budgets and targets: what is paid stays under the limit whatever happens, and exactly so many rows are admitted."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from command import SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from unsealed import unseal

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus import CorpusStore
from synthdata.corpus.verify import verify
from synthdata.errors import RefusedError, SynthdataError
from synthdata.generation import make_generator
from synthdata.operations.reflect import RunSelection, find_work
from synthdata.operations.target import to_target
from synthdata.operations.within_budget import affordable_batches
from synthdata.protocols import Message, Request
from synthdata.records import Candidate, Decision, Origin, Reason, Verdict
from synthdata.records.report import RoundReport
from synthdata.rounds.budget import BudgetLedger, Spend, settle_left_over, spent

SAMPLE = Path(__file__).parent.parent / "data" / "sample"


def run(corpus: Path, *options: object) -> Result:
    arguments = ["run", corpus, "--trajectories", SAMPLE, "--generator", "scripted", "--plain", "--json", *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus after a first round over 60 runs, which calibrates it."""
    folder = tmp_path_factory.mktemp("spending")
    (folder / "settings.toml").write_text(SETTINGS)
    arguments = ["init", folder / "c", "--reference", SAMPLE, "--config", folder / "settings.toml"]
    assert CliRunner().invoke(app, [str(argument) for argument in arguments]).exit_code == 0
    assert run(folder / "c", "--limit", 60).exit_code in (0, 1)
    return folder / "c"


@pytest.fixture
def corpus(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "c"))


def totals(corpus: Path) -> tuple[float, int]:
    store = CorpusStore.open(corpus)
    return spent(store).tokens, store.decisions(["trajectory_id"])["trajectory_id"].n_unique()


def test_what_is_paid_is_an_event_and_the_cache_is_free(corpus):
    tokens, _ = totals(corpus)
    assert tokens > 0
    # As if the round had never been committed, but its answers are there.
    unseal(corpus)
    shutil.rmtree(corpus / "decisions")
    store = CorpusStore.open(corpus)
    store.decisions_table.create()
    assert run(corpus, "--limit", 60).exit_code in (0, 1)
    assert totals(corpus)[0] == tokens


def test_a_run_stops_at_its_budget_and_the_next_goes_on(corpus):
    before, runs = totals(corpus)
    done = run(corpus, "--budget", 30_000)
    assert done.exit_code in (0, 1), done.output
    assert "the others wait" in done.stderr
    after, more = totals(corpus)
    assert 0 < after - before <= 30_000
    assert more > runs
    assert run(corpus, "--limit", 10).exit_code in (0, 1)
    assert totals(corpus)[1] == more + 10
    assert [finding for finding in verify(CorpusStore.open(corpus)) if "event" in finding.check] == []


def test_a_day_that_is_spent_refuses_and_the_next_day_does_not(corpus):
    before = totals(corpus)
    done = run(corpus, "--budget", "tokens_per_day=10")
    assert isinstance(done.exception, RefusedError)
    assert done.exception.exit_code == 1
    assert "00:00 UTC" in str(done.exception)
    assert totals(corpus) == before
    settings = Corpus.open(corpus).settings.with_value("runtime.budget.tokens_per_day", 1000)
    opened = Corpus.open(corpus, settings=settings)
    today, tomorrow = (
        BudgetLedger(opened.store, settings).left(),
        BudgetLedger(opened.store, settings, day="2100-01-01").left(),
    )
    assert today is not None and today.tokens < 0
    assert tomorrow == Spend(1000, float("inf"))


def test_a_killed_run_has_spent_what_it_reserved(corpus):
    settings = Corpus.open(corpus).settings.with_value("recipe.generation.generator", "scripted")
    settings = settings.with_value("runtime.budget.tokens_per_run", 100_000)
    opened = Corpus.open(corpus, settings=settings)
    work = find_work(opened, SAMPLE, RunSelection())
    generator = make_generator(settings, opened.store.cache_dir / "responses")
    paid = affordable_batches(opened, BudgetLedger(opened.store, settings, "killed"), work, generator)
    assert next(paid)
    # Here the process would die: nothing after `next` has happened, and this is what another process reads.
    reserved = spent(CorpusStore.open(corpus), run="killed")
    assert 0 < reserved.tokens <= 100_000
    paid.close()  # the block ends without any answer: nothing was paid
    assert spent(opened.store, run="killed") == Spend()


def test_what_a_killed_run_without_a_budget_had_paid_is_settled_by_the_next_once(corpus):
    settings = Corpus.open(corpus).settings.with_value("recipe.generation.generator", "scripted")
    opened = Corpus.open(corpus, settings=settings)
    before = spent(opened.store)
    generator = make_generator(settings, opened.store.cache_dir / "responses")
    request = Request((Message("user", "What went wrong here?"),))
    paying = BudgetLedger(opened.store, settings, "killed").paying(None, generator, opened.store.writing)
    paying.__enter__()
    generator.generate([request, replace(request, sample_index=1)])
    # Here the process would die, the second answer's line half written and its answer not yet kept.
    file = opened.store.cache_dir / "unsettled.jsonl"
    portion, first, second = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([portion, first, second[: len(second) // 2]]))
    assert spent(opened.store) == before
    for _ in range(2):
        settle_left_over(opened.store, opened.store.writing)
        assert spent(opened.store, run="killed").tokens == json.loads(first)["tokens"] > 0
    assert not file.exists()
    # Where another pays next, and no run has settled before, it is settled all the same.
    file.write_bytes(b"\n".join([portion.replace(b"killed", b"other"), first, b'{"tokens":true}', b"[]"]))
    with BudgetLedger(opened.store, settings, "judges").paying(Spend(9, 0.0), generator, opened.store.writing):
        pass
    assert spent(opened.store, run="other").tokens == json.loads(first)["tokens"] and not file.exists()
    # A damaged file says nothing, and stops nobody.
    for damaged in (b"", b"\x00\xff", b"[]\n" + first, b'{"run": 1}\n' + first):
        file.write_bytes(damaged)
        settle_left_over(opened.store, opened.store.writing)
        assert not file.exists()
    # The same run goes on: its next portion is another one.
    with BudgetLedger(opened.store, settings, "killed").paying(None, generator, opened.store.writing):
        generator.generate([replace(request, sample_index=2)])
    assert spent(opened.store, run="killed").tokens > json.loads(first)["tokens"]


@pytest.mark.parametrize("value", ["many", "tokens_per_week=3", "tokens_per_day=few", "cost_per_run=-1"])
def test_a_budget_that_makes_no_sense_is_named(corpus, value):
    done = run(corpus, "--budget", value)
    assert isinstance(done.exception, SynthdataError)
    assert done.exception.exit_code == 2


def test_a_target_is_met_exactly_and_the_store_is_sound(corpus):
    before = CorpusStore.open(corpus).admitted_ids()
    done = run(corpus, "--target", 7, "--set", "runtime.chunk_size=30")
    said = json.loads(done.stdout)
    assert (done.exit_code, said["admitted"], said["stopped"]) == (0, 7, ""), done.output
    store = CorpusStore.open(corpus)
    assert len(store.admitted_ids() - before) == 7
    assert verify(store) == []


def test_a_target_out_of_reach_says_what_ended_it(corpus):
    done = run(corpus, "--target", 100_000, "--limit", 20)
    said = json.loads(done.stdout)
    assert done.exit_code == 1
    assert "limit of 20 runs" in said["stopped"] or "least_yield" in said["stopped"]
    assert said["admitted"] < 100_000


def report(number: int, admitted: int, rejected: int) -> RoundReport:
    def row(i: int) -> Candidate:
        return Candidate(f"text {number} {i}", origin=Origin.SYNTHETIC)

    admits = [Decision(row(i), Verdict.ADMIT, "admit") for i in range(admitted)]
    rejects = [Decision(row(admitted + i), Verdict.REJECT, "floor", Reason.GENERIC) for i in range(rejected)]
    return RoundReport(number, [*admits, *rejects])


@given(
    rounds=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=8),
    target=st.integers(1, 30),
    limit=st.one_of(st.none(), st.integers(1, 40)),
    least=st.sampled_from([0.0, 0.2, 0.5]),
)
def test_a_target_never_overshoots_nor_stops_without_a_reason(rounds, target, limit, least):
    asked: list[RunSelection] = []

    def one_round(choice: RunSelection) -> RoundReport:
        asked.append(choice)
        admitted, rejected = rounds[len(asked) - 1] if len(asked) <= len(rounds) else (0, 0)
        return report(len(asked), min(admitted, choice.max_admitted or 0), rejected)

    done = to_target(one_round, RunSelection(limit=limit), target, 10, least)
    assert done.admitted == sum(item.counts["admit"] for item in done.rounds) <= target
    assert (done.admitted == target) == (done.stopped == "")
    assert limit is None or sum(choice.limit or 0 for choice in asked) <= limit
    for item in done.rounds[:-1]:
        assert item.counts["admit"] >= least * len(item.decisions)
