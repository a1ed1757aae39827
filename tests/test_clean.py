"""The reference is cleaned as if every row were held against every earlier one that stays, in the order of the ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.cells import centre
from synthdata.gate.reference import ReferenceRow, clean
from synthdata.settings import AnchorSettings, GateSettings
from synthdata.similarity.exact import exact_key
from synthdata.similarity.minhash import LexicalIndex

ANCHOR, GATE = AnchorSettings(min_rows=1, heldout_share=0.0), GateSettings()
WORDS = [f"word{i}ly" for i in range(40)]


def made(seed: int, n: int, kinds: int, noise: float) -> tuple[list[ReferenceRow], np.ndarray]:
    """Rows of few texts, some with a word changed, and vectors around other kinds than the texts have."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, size=14)) for _ in range(kinds)]
    rows = []
    for i in range(n):
        words = texts[int(rng.integers(kinds))].split()
        if rng.random() < 0.5:
            words[int(rng.choice([0, 6]))] = f"other{rng.integers(9)}"
        rows.append(ReferenceRow(" ".join(words), "", f"task{i}"))
    x = rng.normal(size=(kinds, 96))[rng.integers(kinds, size=n)] + noise * rng.normal(size=(n, 96))
    return rows, (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def by_the_rule(rows: list[ReferenceRow], x: np.ndarray) -> tuple[list[str], dict[str, int]]:
    """Every row in turn against all that stay, with nothing skipped."""
    order = sorted(range(len(rows)), key=lambda i: rows[i].id)
    unit, _ = centre(x, x.mean(axis=0))
    lexical = LexicalIndex(GATE.model_copy(update={"near_jaccard": ANCHOR.clean_jaccard}))
    kept: list[int] = []
    fell = {"exact": 0, "near": 0, "semantic": 0}
    for i in order:
        text = rows[i].text
        if exact_key(text) in {exact_key(rows[j].text) for j in kept}:
            fell["exact"] += 1
        elif lexical.query(text, lexical.signatures([text])[0]):
            fell["near"] += 1
        elif any((unit[i].astype(np.float64) * unit[j]).sum() >= ANCHOR.clean_cosine for j in kept):
            fell["semantic"] += 1
        else:
            lexical.add([len(kept)], [text], lexical.signatures([text]))
            kept.append(i)
    return [rows[i].id for i in kept], fell


@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(1, 60), st.sampled_from([0.0, 0.02, 0.05, 0.5]))
def test_cleaning_decides_as_the_rule_does_row_by_row(seed, n, kinds, noise):
    rows, x = made(seed, n, kinds, noise)
    cleaned = clean(rows, x, x, ANCHOR, GATE)
    assert ([row.id for row in cleaned.rows], cleaned.fell) == by_the_rule(rows, x)


def test_copies_are_not_held_against_each_other():
    """20,000 near copies of 40 texts: as pairs they would be five million, and only 40 rows stay."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(40, size=20_000)
    x = np.eye(96)[kinds] + 0.01 * rng.normal(size=(20_000, 96))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    rows = [
        ReferenceRow(f"{kind} {' '.join(WORDS[kind % 40 : kind % 40 + 3])}", "", f"t{i}")
        for i, kind in enumerate(kinds)
    ]
    cleaned = clean(rows, x, x, ANCHOR, GATE)
    assert len(cleaned.rows) == 40 and sum(cleaned.fell.values()) == 19_960
