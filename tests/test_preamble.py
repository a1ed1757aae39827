"""A beginning that most real rows share is cut for looking, in `init` and `admit`, and kept for writing."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata import Candidate, Corpus, TextGate
from synthdata.api import Corpus as Plain
from synthdata.gate.anchor import load_anchor
from synthdata.settings import AnchorSettings, Settings
from synthdata.similarity.hashing import HashingEncoder
from synthdata.similarity.preamble import CuttingEncoder, Preamble, find_preamble

LINE = "Below is an instruction that describes a task. Write a response that completes the request.\n\n"
WORDS = ["".join(random.Random(i).choices("aeioubdlmnrst", k=6)) for i in range(900)]
# A long system prompt of other words.
RULES = ["".join([*random.Random(-i).choices("cfghkpvwy", k=3), "e", "x"]) + str(i) for i in range(1, 301)]
SYSTEM = "".join(f"Rule {i}: {' '.join(RULES[i * 30 : i * 30 + 30])}.\n" for i in range(10))
ENCODER = HashingEncoder(128)


def texts(count, seed=0):
    rng = random.Random(seed)
    return [" ".join(rng.sample(WORDS, rng.randint(7, 16))) for _ in range(count)]


def reasons(decisions):
    return {d.candidate.content: str(d.reason or d.verdict) for d in decisions}


@pytest.mark.parametrize("preamble", [LINE, SYSTEM])
def test_rows_behind_a_preamble_are_decided_as_rows_without(tmp_path, preamble):
    real, new = texts(160), texts(40, 1)
    bare = Corpus.init(tmp_path / "bare", real, encoder=ENCODER)
    told = Corpus.init(tmp_path / "told", [preamble + text for text in real], encoder=ENCODER)
    assert told.anchor.preamble is not None and bare.anchor.preamble is None
    plain, behind = bare.admit(new), told.admit([preamble + text for text in new])
    # Ids, and with them order and held-out tasks, differ; what is decided hardly does.
    assert abs(plain.counts["admit"] - behind.counts["admit"]) <= 3 and behind.counts["admit"] >= 35
    cells = {d.cell for d in behind.decisions}
    assert len(cells) >= 6
    # Kept for writing, and copies are found behind it.
    assert all(d.candidate.content.startswith(preamble) for d in behind.decisions)
    middle = next(text for text in real if len(text.split()) == 12)
    copies = [preamble + middle + " or", real[4], preamble + new[0].replace(" ", "  ")]
    fell = reasons(told.admit(copies).decisions)
    assert fell[copies[1]] == fell[copies[2]] == "exact_duplicate" and fell[copies[0]] == "near_duplicate"


def test_without_the_cut_such_rows_are_one_point(tmp_path):
    never = Settings().with_value("recipe.anchor.preamble_words", 10_000)
    rows = [SYSTEM + text for text in texts(150)]
    with pytest.raises(Exception, match="distinct rows"):
        Plain.init(tmp_path / "corpus", rows, settings=never, encoder=ENCODER)


def test_of_two_views_the_context_is_cut_too(tmp_path):
    about, said = texts(140, 2), texts(140, 3)
    rows = [{"content": a, "context": SYSTEM + b} for a, b in zip(said, about, strict=True)]
    corpus = Corpus.init(tmp_path / "corpus", rows, encoder=ENCODER)
    # The same answer to another question is no copy, though both prompts share a long beginning.
    other = Candidate(said[0], context=SYSTEM + texts(1, 9)[0])
    same = Candidate(said[1].replace(" ", "  "), context=SYSTEM + about[1])
    found = {d.candidate.id: str(d.reason or d.verdict) for d in corpus.admit([other, same]).decisions}
    assert found == {other.id: "admit", same.id: "exact_duplicate"}


def test_the_anchor_remembers_it_and_vectors_do_not_mix(tmp_path):
    corpus = Plain.init(tmp_path / "corpus", [LINE + text for text in texts(120)], encoder=ENCODER)
    again = load_anchor(corpus.store.anchor_dir())
    assert again.preamble == corpus.anchor.preamble and again.fingerprint == corpus.anchor.fingerprint
    assert again.encoder.startswith(f"{ENCODER.fingerprint}:cut-") and corpus.encoder.fingerprint == again.encoder
    np.testing.assert_array_equal(corpus.encode([LINE + "one text"]), ENCODER.encode(["one text"]))
    assert Plain.init(tmp_path / "bare", texts(120), encoder=ENCODER).anchor.encoder == ENCODER.fingerprint


def test_a_gate_in_memory_looks_past_it_too():
    gate = TextGate([LINE + text for text in texts(150)], encoder=ENCODER)
    assert len(gate.admit([LINE + text for text in texts(40, 5)]).admitted) >= 36
    alone = TextGate(encoder=ENCODER).admit([SYSTEM + text for text in texts(120, 6)])
    assert len(alone.admitted) >= 60


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=20), st.text(max_size=30))
def test_a_cut_leaves_an_end_of_the_text_and_is_final(others, text):
    preamble = find_preamble([LINE + other for other in others * 12], AnchorSettings(preamble_words=1))
    if preamble is None:
        return
    for whole in (LINE + text, text):
        left = preamble.cut(whole)
        assert whole.endswith(left) and (left or not whole)
    assert preamble.joined(Preamble(frozenset(), 0, "")) == preamble


def test_an_encoder_that_cuts_says_what_it_cuts():
    one, other = (CuttingEncoder(ENCODER, Preamble(frozenset({text}), 1, text)) for text in (LINE, SYSTEM))
    assert len({ENCODER.fingerprint, one.fingerprint, other.fingerprint}) == 3
