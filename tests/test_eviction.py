"""Eviction takes the most redundant rows and never costs the diversity floor."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons
from typer.testing import CliRunner

from metrics import collision_probability
from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.corpus.verify import verify
from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.status import status
from synthdata.operations.evict import evict, most_redundant
from synthdata.records import Candidate
from synthdata.rounds.restore import recheck
from synthdata.settings import Settings


def rows(seed: int, n: int, kind: str) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8))
    if kind == "clustered":
        x += 4 * rng.normal(size=(3, 8))[rng.integers(3, size=n)]
    if kind == "clones":
        x[: n // 2] = x[0]
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@given(
    st.integers(0, 10_000), st.integers(3, 30), st.integers(1, 40), st.sampled_from(["random", "clustered", "clones"])
)
def test_collision_never_rises_and_the_most_redundant_row_goes_first(seed, n, wanted, kind):
    window, x = rows(seed, 5, "random"), rows(seed + 1, n, kind)
    free = np.random.default_rng(seed).random(n) < 0.8
    taken, before, after = most_redundant(window, x, free, wanted)
    everything = np.concatenate([window, x])
    assert before == pytest.approx(collision_probability(everything), abs=1e-6)
    steps = [np.concatenate([window, np.delete(x, taken[:k], axis=0)]) for k in range(len(taken) + 1)]
    values = [collision_probability(step) for step in steps]
    assert values[-1] == pytest.approx(after, abs=1e-6)
    assert all(b <= a + 1e-9 for a, b in pairwise(values))
    assert len(set(taken)) == len(taken) <= wanted and free[taken].all()
    if taken:
        squares = np.square(x.astype(float) @ everything.T.astype(float)).sum(axis=1) - 1
        assert squares[taken[0]] == pytest.approx(squares[free].max())
    if len(taken) < min(wanted, int(free.sum())):
        # It stopped by itself: each free row that is left is less redundant than the mean over pairs.
        left = np.concatenate([window, np.delete(x, taken, axis=0)]).astype(float)
        own = np.delete(x, taken, axis=0)[np.delete(free, taken)].astype(float)
        means = (np.square(own @ left.T).sum(axis=1) - 1) / (len(left) - 1)
        assert (means < after + 1e-6).all()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    path = tmp_path_factory.mktemp("evict") / "c"
    reference = [ReferenceRow(text, f"about {i}", f"t{i}", "books") for i, text in enumerate(lessons(200, 1))]
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    made = Corpus.init(path, reference, settings=settings)
    made.admit([Candidate(text, f"about {i}") for i, text in enumerate(lessons(90, 2))])
    return made


def test_evicted_rows_are_gone_stay_gone_and_leave_the_corpus_sound(corpus: Corpus) -> None:
    admitted = corpus.store.admitted()
    foreseen = evict(corpus, 5, "too large", dry_run=True)
    assert corpus.store.events("evict").is_empty()
    done = evict(corpus, 5, "too large")
    assert done == foreseen and 0 < len(done.ids) <= 5
    assert done.after <= done.before
    again = evict(corpus, 5, "too large")
    assert again.repeated and again.ids == done.ids and again.left == done.left
    assert corpus.store.events("evict").height == 1
    assert corpus.store.admitted().height == done.left == admitted.height - len(done.ids)
    facts = status(corpus.store)
    assert facts["in_corpus"] == facts["metrics"]["admitted"]["rows"] == done.left
    assert not facts["frozen"]
    assert verify(corpus.store) == [] and recheck(corpus.store) == []
    rows = [Candidate(r["content"], r["context"]) for r in admitted.iter_rows(named=True) if r["id"] in done.ids]
    assert corpus.admit(rows).already_decided == len(rows)


def test_another_name_of_the_request_evicts_once_more(corpus: Corpus) -> None:
    first = evict(corpus, 1, "one", request="a")
    assert evict(corpus, 1, "one", request="a").repeated
    second = evict(corpus, 1, "one", request="b")
    assert not second.repeated and not set(first.ids) & set(second.ids)


def test_the_verb_says_when_no_more_can_go(corpus: Corpus) -> None:
    out = CliRunner().invoke(
        app, ["evict", str(corpus.store.path), "--rows", "10000", "--because", "test", "--dry-run"]
    )
    assert out.exit_code == 0, out.output
    assert "would be evicted" in out.output and "less redundant than the mean" in out.output


def test_bad_requests_say_what_to_do(corpus: Corpus) -> None:
    with pytest.raises(InputError, match="at least 1"):
        evict(corpus, 0, "x")
    with pytest.raises(InputError, match="--reason"):
        evict(corpus, 1, " ")
