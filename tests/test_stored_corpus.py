"""A corpus that version 0.1.0 made (commit 456d3e3) opens, verifies, says the same and goes on.

`tests/data/corpus-0.1.zip` holds it without caches, and beside it what that version said of it.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from sample_texts import lessons

from synthdata import Corpus
from synthdata.corpus.digest import digest
from synthdata.corpus.verify import verify
from synthdata.monitor.status import explain, status
from synthdata.rounds.restore import recheck

ARCHIVE = Path(__file__).parent / "data" / "corpus-0.1.zip"


@pytest.fixture
def corpus(tmp_path):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path / "c")
    return Corpus.open(tmp_path / "c")


def test_it_opens_verifies_and_has_the_digest_of_its_maker(corpus):
    facts = json.loads((corpus.store.path / "facts.json").read_text())
    assert verify(corpus.store) == []
    assert digest(corpus.store) == facts["digest"]
    assert recheck(corpus.store) == []
    rounds = corpus.store.rounds().select("round", "candidates", "admit", "reject", "quarantine").rows()
    assert [list(row) for row in rounds] == facts["rounds"]
    assert corpus.store.admitted(columns=["id"]).height == facts["in_corpus"]
    assert corpus.anchor.fingerprint == facts["anchor"]
    assert corpus.anchor.require_content().collision_max == facts["collision_max"]


def test_its_reasons_and_stages_stay_readable(corpus):
    facts = json.loads((corpus.store.path / "facts.json").read_text())
    seen = status(corpus.store)
    assert seen["rejected"] | {"malformed": 1} == facts["reasons"]
    frame = corpus.store.decisions(["id", "stage", "verdict"])
    for stage in facts["stages"]:
        row = frame.filter(stage=stage).row(0, named=True)
        told = explain(corpus.store, row["id"])
        assert told["stage"] == stage and told["verdict"] == row["verdict"]


def test_it_takes_another_round(corpus):
    before = corpus.store.admitted_ids()
    report = corpus.admit([{"content": text, "context": f"task {i % 12}"} for i, text in enumerate(lessons(20, 8))])
    assert report.round == 3 and sum(report.counts.values()) == 20
    assert report.counts["admit"] > 0
    assert before < corpus.store.admitted_ids()
    assert verify(corpus.store) == []
