"""Numbers and negation are meaning, so such variants are no copies; a flood of them is held by frames and budgets."""

import random

import pytest
from test_unreadable import sentences

from synthdata import Corpus
from synthdata.similarity.hashing import HashingEncoder

ENCODER = HashingEncoder(128)
pytestmark = pytest.mark.slow


def numbered(count):
    rng = random.Random(1)
    pairs = sorted({(rng.randint(2, 9999), rng.randint(2, 999)) for _ in range(2 * count)})[:count]
    return [
        f"The clerk closed {a} ledgers at the station before the nurse sold {b} kettles to the judge." for a, b in pairs
    ]


def negated(count):
    rng = random.Random(2)
    parts = (
        "the clerk closed the gate",
        "the nurse sold a kettle",
        "the judge hid the map",
        "the baker fixed a window",
    )
    made = set()
    while len(made) < count:
        said = [f"{part[: part.rindex(' ')]}{rng.choice((' ', ' not '))}{part.split()[-1]}" for part in parts]
        made.add(f"At {rng.randint(1, 99)} {' before '.join(said)} at the station.")
    return sorted(made)


@pytest.mark.parametrize("flood", [numbered, negated])
def test_a_flood_of_variants_of_one_sentence_adds_a_handful(tmp_path, flood):
    texts = sentences(400)
    random.Random(0).shuffle(texts)
    sound = texts[200:260]
    corpus = Corpus.init(tmp_path / "corpus", texts[:200], encoder=ENCODER)
    report = corpus.admit([*sound, *flood(200)])
    admitted = {d.candidate.content for d in report.admitted}
    assert len(admitted & set(flood(200))) <= 20
    # Sound rows of the same round are not drowned by it.
    assert len(admitted & set(sound)) >= 0.5 * len(sound)
    assert corpus.admit([text.replace("nurse", "pilot") for text in flood(200)]).counts["admit"] <= 20


def test_variants_that_the_reference_is_full_of_go_through(tmp_path):
    real = numbered(300)
    corpus = Corpus.init(tmp_path / "corpus", sentences(60) + real[::2], encoder=ENCODER)
    assert corpus.admit(real[1::2][:40]).counts["admit"] >= 20
