"""Anchors after the first: newer real data, a half that becomes real, inherited rows; the way out of a freeze."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import SETTINGS, refused, synthdata, write_rows
from sample_texts import edit, lessons
from test_api import HASHING, bare, reviewed

from synthdata.api import Corpus
from synthdata.errors import InputError
from synthdata.gate.anchor import load_anchor
from synthdata.gate.reference import ReferenceRow
from synthdata.operations.reanchor import inherit, reanchor
from synthdata.records import Candidate
from synthdata.rounds.restore import recheck, restore


def rows(count: int, seed: int, *, context: bool = False) -> list[ReferenceRow]:
    made = enumerate(lessons(count, seed))
    return [ReferenceRow(text, f"about {i} {text[:30]}" if context else "", f"{seed} {i}") for i, text in made]


def test_a_new_anchor_keeps_the_old_one_its_verdicts_and_its_reference(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", rows(200, 1), settings=HASHING)
    candidates = [Candidate(text) for text in lessons(120, 2)]
    first = corpus.admit(candidates)
    before = corpus.anchor
    done = reanchor(corpus, rows(150, 3), "half a year of newer runs")
    assert corpus.anchor.number == 1
    assert load_anchor(corpus.store.anchor_dir(0)).fingerprint == before.fingerprint != corpus.anchor.fingerprint
    assert {row.content for row in corpus.reference.rows} >= {row.content for row in rows(200, 1)[:5]}
    assert int(done.after["rows"]) > int(done.before["rows"])  # type: ignore[call-overload]
    assert 0 <= done.drift <= np.log(2)
    assert recheck(corpus.store) == []
    (event,) = corpus.store.events("reanchor")["payload"]
    assert json.loads(event)["because"] == "half a year of newer runs"
    # Killed before the new anchor was current, and run again: the same anchor, made once.
    with corpus.store.writing() as store:
        store.set_anchor(0)
    told = reanchor(corpus, rows(150, 3), "half a year of newer runs")
    assert told.repeated and told.after == done.after and corpus.anchor.number == 1
    assert corpus.store.events("reanchor").height == 1
    # What was admitted stays and is not decided again; what was refused may come again under the new anchor.
    again = corpus.admit(candidates)
    assert again.already_decided == first.counts["admit"]
    assert len(again.decisions) == 120 - first.counts["admit"]


def test_the_same_reference_alone_gives_the_same_calibration(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", rows(200, 1), settings=HASHING)
    before = corpus.anchor
    done = reanchor(corpus, rows(200, 1), "a try", keep=False)
    assert done.drift == 0
    assert replace(corpus.anchor, number=0).fingerprint == before.fingerprint


def test_real_contents_close_a_half_that_the_first_round_had_filled(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", bare(), settings=HASHING)
    corpus.admit(reviewed(60, runs=60))
    assert corpus.anchor.content is not None and corpus.anchor.content.calibrated_from == "generator"
    carried = reanchor(corpus, rows(0, 5) or bare()[:150], "more bare runs", keep=False)
    assert carried.carried and corpus.anchor.content.calibrated_from == "generator"
    closed = reanchor(corpus, rows(150, 6, context=True), "people wrote lessons")
    assert not closed.carried
    assert corpus.anchor.content.calibrated_from == "reference"
    assert recheck(corpus.store) == []


def test_rows_without_the_corpus_view_and_silent_reasons_are_refused(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", rows(200, 1), settings=HASHING)
    with pytest.raises(InputError, match="one-view corpus needs"):
        reanchor(corpus, bare(), "runs")
    with pytest.raises(InputError, match="--reason"):
        reanchor(corpus, rows(150, 3), " ")
    assert corpus.anchor.number == 0


def test_inherited_repetition_is_measured_and_later_rows_lower_it(tmp_path: Path) -> None:
    corpus = Corpus.init(tmp_path / "c", rows(200, 1), settings=HASHING)
    rng = random.Random(0)
    bad = list(dict.fromkeys(edit(lessons(1, 9)[0], rng) for _ in range(400)))
    report = inherit(corpus, [Candidate(text) for text in bad])
    assert report.counts["admit"] == len(bad)
    anchor = corpus.anchor
    assert anchor.content is not None
    state = restore(corpus.gate)
    start = state.corpus_scope.collision()
    assert start > state.collision_max
    corpus.admit([Candidate(text) for text in lessons(100, 4)])
    after = restore(corpus.gate).corpus_scope.collision()
    assert after < start
    with pytest.raises(InputError, match="before the first one"):
        inherit(corpus, [Candidate("one more row of text that comes too late")])


@pytest.mark.slow
def test_the_verbs(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    corpus = tmp_path / "c"
    for name, seed in (("real", 1), ("newer", 2), ("old", 3), ("fresh", 4)):
        write_rows(tmp_path / f"{name}.jsonl", lessons(160, seed))
    made = synthdata(
        "init", corpus, "--reference", tmp_path / "real.jsonl", "--inherit", tmp_path / "old.jsonl", "--config",
        tmp_path / "settings.toml", "--json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["inherited"] == 160
    assert synthdata("admit", corpus, tmp_path / "fresh.jsonl").returncode == 0
    done = synthdata("reanchor", corpus, "--reference", tmp_path / "newer.jsonl", "--because", "newer", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["after"]["number"] == 1
    assert synthdata("verify", corpus, "--rebuild").returncode == 0

    store = Corpus.open(corpus).store
    with store.writing():
        store.append_event("freeze", "test", {"reason": "two tiles are red"}, store.latest_round())
    refused(synthdata("export", corpus, tmp_path / "out"), "two tiles are red", code=1)
    assert "two tiles are red" in " ".join(synthdata("status", corpus).stdout.lower().split())
    assert json.loads(synthdata("status", corpus, "--json").stdout)["frozen"] is True
    freed = synthdata("unfreeze", corpus, "--because", "looked at it")
    assert freed.returncode == 0 and "two tiles are red" in " ".join(freed.stdout.split())
    assert json.loads(synthdata("status", corpus, "--json").stdout)["frozen"] is False
    assert synthdata("export", corpus, tmp_path / "out").returncode == 0
