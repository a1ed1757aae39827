"""The gate on lists of texts: five lines, no store, no engine; evidence for each rejection; known rows stay known."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import edit, lessons

from synthdata import Admission, Candidate, Corpus, ReferenceRow, Settings, TextGate, admit_texts
from synthdata.errors import AnchorError, InputError
from synthdata.rounds.coerce import as_candidates, as_reference
from synthdata.similarity.hashing import HashingEncoder

ENCODER = HashingEncoder(64)
REAL = lessons(150, 1)
NEW = lessons(40, 2)


def admitted(texts, **changes) -> Admission:
    return admit_texts(texts, REAL, encoder=ENCODER, **changes)


def test_new_texts_enter_and_copies_fall_with_their_evidence():
    copy, light = REAL[3].upper(), edit(NEW[5], random.Random(1))
    result = admitted([*NEW, NEW[0], copy, light])
    fell = {rejection.text: rejection for rejection in result.rejected}
    assert set(NEW) - {NEW[5]} <= set(result.admitted)
    assert result.reasons == {"exact_duplicate": 2, "near_duplicate": 1}
    assert fell[copy].reason == "exact_duplicate" and fell[copy].neighbour == REAL[3]
    near = next(rejection for rejection in result.rejected if rejection.reason == "near_duplicate")
    assert {near.text, near.neighbour} == {light, NEW[5]}
    assert near.score >= near.threshold == Settings().recipe.gate.near_jaccard
    assert str(near).startswith("near_duplicate (0.8") and f"like {near.neighbour[:80]!r}" in str(near)
    assert len(result.admitted) + len(result.rejected) == len(NEW) + 3
    assert (
        result.summary()
        == f"{len(NEW)} of {len(NEW) + 3} texts admitted; rejected: 2 exact_duplicate, 1 near_duplicate"
    )
    assert result.calibrated_from == "reference"


def test_the_closest_pairs_are_the_closest_by_a_plain_count():
    result = admitted(NEW)
    texts = [*REAL, *result.admitted]
    top = result.closest_pairs(3)
    assert [pair.cosine for pair in top] == sorted((pair.cosine for pair in result.pairs), reverse=True)[:3]
    assert all(pair.text in result.admitted and pair.neighbour in texts and pair.text != pair.neighbour for pair in top)
    assert all(-1 <= pair.cosine < result.tau or pair.cosine < 1 for pair in result.pairs)


def test_the_order_of_the_input_changes_nothing():
    mixed = [*NEW, *(edit(text, random.Random(i)) for i, text in enumerate(NEW[:10])), NEW[3], NEW[3]]
    first = admitted(mixed)
    random.Random(4).shuffle(mixed)
    again = admitted(mixed)
    assert first.admitted == again.admitted and first.reasons == again.reasons


def test_later_batches_know_earlier_ones_and_a_limit_leaves_the_rest_open():
    gate = TextGate(REAL, encoder=ENCODER, never=[NEW[7]])
    first = gate.admit(NEW[:20], max_admitted=5)
    assert len(first.admitted) == 5 and first.reasons.get("contaminated") == 1
    second = gate.admit(NEW)
    assert second.reasons == {"exact_duplicate": 5, "contaminated": 1}
    assert not set(first.admitted) & set(second.admitted)
    assert gate.admit(NEW).admitted == []


def test_without_a_reference_the_first_batch_calibrates_and_says_so():
    result = admit_texts([*NEW, NEW[0]], encoder=ENCODER)
    assert result.calibrated_from == "generator" and result.reasons == {"exact_duplicate": 1}
    with pytest.raises(AnchorError, match="give real texts as `reference`"):
        admit_texts(NEW[:10], encoder=ENCODER)


def test_a_first_batch_of_too_few_tasks_says_so_and_leaves_the_gate_unopened():
    gate = TextGate(encoder=ENCODER)
    with pytest.raises(AnchorError, match=r"30 distinct ones of different tasks are needed.*4 are there"):
        gate.admit([{"content": text, "task_id": f"t{i % 4}"} for i, text in enumerate(NEW)])
    assert gate.admit(NEW).admitted == admit_texts(NEW, encoder=ENCODER).admitted


def test_dicts_with_contexts_make_two_views():
    rows = [{"content": text, "context": f"about {text[:30]} {i}"} for i, text in enumerate(REAL)]
    gate = TextGate(rows, encoder=ENCODER)
    result = gate.admit([{"content": text, "context": f"about {text[:30]}"} for text in NEW])
    assert len(result.admitted) > 30
    assert gate.admit([{"content": "a text that nobody has seen before, about a lamp", "context": ""}]).reasons == {
        "malformed": 1
    }


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("one string", "wrap it in a list"),
        ([{"text": "x"}], "row 0: unknown field text; known are .*content"),
        ([{"context": "x"}], "row 0: `content` must be a string"),
        (["fine", 7], "row 1: is a int"),
        ([{"content": "x", "origin": "somewhere"}], "row 0: .*somewhere.*synthetic"),
    ],
)
def test_rows_of_another_shape_are_named(rows, message):
    with pytest.raises(InputError, match=message):
        as_candidates(rows)


def test_reference_rows_of_another_shape_are_named():
    with pytest.raises(InputError, match="neither `content` nor `context`"):
        as_reference([{"task_id": "t"}])
    assert as_reference(["a", ReferenceRow("b", "", "t")]) == [ReferenceRow("a", "", ""), ReferenceRow("b", "", "t")]


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=8))
def test_equal_texts_get_different_ids_and_the_same_ones_in_any_order(texts):
    ids = [row.id for row in as_candidates(texts)]
    assert len(set(ids)) == len(ids)
    assert sorted(ids) == sorted(row.id for row in as_candidates(texts[::-1]))


def test_a_corpus_takes_strings_and_dicts_and_decides_as_the_gate_alone(tmp_path):
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    corpus = Corpus.init(tmp_path / "c", REAL, settings=settings)
    texts = [*NEW, NEW[0], {"content": REAL[3]}]
    dry = corpus.decide(texts)
    report = corpus.admit(texts)
    alone = admit_texts(texts, REAL, settings=settings)
    assert [d.candidate.content for d in report.admitted] == alone.admitted
    assert report.reasons == alone.reasons
    assert [(d.candidate.id, d.reason) for d in dry.decisions] == [(d.candidate.id, d.reason) for d in report.decisions]
    assert isinstance(report.admitted[0].candidate, Candidate)


def test_no_store_and_no_engine_are_loaded():
    program = """
import json, sys
sys.path.insert(0, sys.argv[1])
from sample_texts import lessons
from synthdata import admit_texts
from synthdata.similarity.hashing import HashingEncoder
result = admit_texts(lessons(20, 2), lessons(150, 1), encoder=HashingEncoder(32))
print(json.dumps([len(result.admitted), sorted({name.partition(".")[0] for name in sys.modules})]))
"""
    from pathlib import Path

    done = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent / "support")],
        text=True,
        capture_output=True,
        check=True,
    )
    count, modules = json.loads(done.stdout)
    assert count > 10
    assert not {"deltalake", "polars", "prefect", "torch", "pyarrow"} & set(modules)
