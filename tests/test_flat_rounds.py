"""A round reads what it brings and not the whole corpus, and says the same as if it had read everything."""

from __future__ import annotations

import shutil

import polars as pl
import pytest
from sample_texts import lessons

from metrics import effective_number
from synthdata.api import Corpus
from synthdata.corpus.digest import digest
from synthdata.gate.reference import ReferenceRow
from synthdata.monitor.snapshot import ensure_snapshot
from synthdata.monitor.sums import admitted_sums
from synthdata.operations.retract import Selector, retract
from synthdata.settings import Settings

SETTINGS = Settings.from_dict(
    {"recipe": {"encoder": {"backend": "hashing"}, "gate": {"collision_max": 1.0, "quota_slack": 99.0}}}, where="test"
)


@pytest.fixture(scope="module")
def three_rounds(tmp_path_factory):
    path = tmp_path_factory.mktemp("flat") / "corpus"
    reference = [ReferenceRow(text, "", str(i)) for i, text in enumerate(lessons(160, 1))]
    opened = Corpus.init(path, reference, settings=SETTINGS, views="one")
    for start in (0, 40, 80):
        opened.admit(lessons(120, 2)[start : start + 40])
    return path


@pytest.fixture
def corpus(three_rounds, tmp_path):
    shutil.copytree(three_rounds, tmp_path / "corpus")
    return Corpus.open(tmp_path / "corpus")


def sums(corpus, number=3):
    index = corpus.store.admitted(number, ["id", "round"])
    return admitted_sums(corpus.store, index, corpus.anchor, number)


def parts(moment):
    upper, numbers = moment.sums()
    return upper.tolist(), numbers.tolist()


def test_sums_that_were_carried_on_are_those_made_anew(corpus):
    carried = parts(sums(corpus))
    assert (corpus.store.derived_dir / "sums").is_dir()
    shutil.rmtree(corpus.store.derived_dir / "sums")
    assert parts(sums(corpus)) == carried
    vectors = corpus.store.vectors(corpus.store.admitted(), "content")
    whole = effective_number(corpus.anchor.content.centred(vectors)[0])
    assert sums(corpus).effective_number() == pytest.approx(whole, rel=1e-9)


def test_damaged_sums_are_made_again(corpus):
    expected = parts(sums(corpus))
    (path,) = corpus.store.derived_dir.glob("sums/*/*/moment.npz")
    path.write_bytes(path.read_bytes()[:-40])
    assert parts(sums(corpus)) == expected


def test_rows_that_left_are_in_no_sum(corpus):
    gone = corpus.store.admitted(columns=["id"])["id"][0]
    before = sums(corpus).n
    retract(corpus, Selector(ids=(gone,)), "a test")
    assert sums(corpus).n == before - 1
    left = corpus.anchor.content.centred(corpus.store.vectors(corpus.store.admitted(), "content"))[0]
    assert sums(corpus).effective_number() == pytest.approx(effective_number(left), rel=1e-9)


def test_the_snapshot_of_a_corpus_without_derived_files_is_the_same(corpus, tmp_path):
    shutil.copytree(tmp_path / "corpus", tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "derived")
    more = lessons(60, 3)
    bare = Corpus.open(tmp_path / "bare")
    for opened in (corpus, bare):
        opened.admit(more)
    assert corpus.store.snapshots().equals(bare.store.snapshots(), null_equal=True)
    assert digest(corpus.store) == digest(bare.store)


def test_known_ids_are_those_of_the_asked_that_are_decided_or_admitted(corpus):
    store, fingerprint = corpus.store, corpus.settings.recipe.decision_fingerprint()
    every = store.decisions(["id", "verdict"])
    asked = [*every["id"].to_list()[::3], "nobody"]
    assert store.known_ids(asked, fingerprint, store.anchor) == set(asked) - {"nobody"}
    admitted = set(every.filter(pl.col("verdict") == "admit")["id"])
    assert store.known_ids(asked, "another recipe", store.anchor) == set(asked) & admitted
    assert store.known_ids([], fingerprint, store.anchor) == set()


def test_a_chosen_part_of_the_corpus_is_that_part(corpus):
    store = corpus.store
    whole = store.admitted(columns=["id", "round"])
    assert store.admitted(columns=["id"], where=pl.col("round") == 2).equals(
        whole.filter(pl.col("round") == 2)["id"].to_frame()
    )


def damaged(data):
    return data.replace(b"0.", b"1.", 1)


@pytest.mark.parametrize("damage", [bytes, damaged, lambda data: data[:-9], None])
def test_numbers_of_the_reference_are_made_again_where_their_file_is_damaged(corpus, monkeypatch, caplog, damage):
    files = list(corpus.store.derived_dir.glob("reference/*.json"))
    assert files
    for file in files:
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage(file.read_bytes()))
    expected, again = corpus.store.snapshots().filter(pl.col("round") == 3), []
    monkeypatch.setattr(corpus.store, "snapshots", expected.clear)
    monkeypatch.setattr(corpus.store, "write_snapshot", lambda _, rows: again.extend(rows))
    ensure_snapshot(corpus.store, corpus.anchor, corpus.reference, corpus.encoder, corpus.settings, 3)
    values = {(row["view"], row["metric"]): (row["value"], row["low"], row["high"]) for row in again}
    assert values == {row[:2]: row[2:] for row in expected["view", "metric", "value", "low", "high"].iter_rows()}
    assert ("made again" in caplog.text) is (damage not in (bytes, None))
