"""The reference is cleaned as if every row were held against every earlier one that stays, in the order of the ids."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from synthdata.gate.cells import centre
from synthdata.gate.duplicates import DuplicateIndex
from synthdata.gate.meaning import differ_in_numbers_alone, same_meaning
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
        if rng.random() < 0.5:
            words[3] = str(rng.choice(["7", "8", "never"]))
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
        hits = lexical.query(text, lexical.signatures([text])[0])
        near = [j for j in kept if (unit[i].astype(np.float64) * unit[j]).sum() >= ANCHOR.clean_cosine]
        if exact_key(text) in {exact_key(rows[j].text) for j in kept}:
            fell["exact"] += 1
        elif any(not differ_in_numbers_alone(text, rows[kept[row]].text) for row, _ in hits):
            fell["near"] += 1
        elif any(same_meaning(text, rows[j].text) for j in near):
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


def kept_of(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    """What stays of rows (context, content) whose vectors are all one but for a trace of their number."""
    x = np.tile(np.eye(96, dtype=np.float32)[0], (len(rows) + 2, 1)) + 1e-3 * np.eye(
        len(rows) + 2, 96, dtype=np.float32
    )
    # Two rows of another kind, so that the mean of all is not where the others lie.
    x[-2:] = -x[-2:]
    made = [ReferenceRow(content, context, f"task{i}") for i, (context, content) in enumerate(rows)]
    far = [ReferenceRow("a wholly other matter", rows[0][0] and "elsewhere", f"far{i}") for i in range(2)]
    cleaned = clean([*made, *far], x, x, ANCHOR, GATE)
    return sorted((row.context, row.content) for row in cleaned.rows if row.content != "a wholly other matter")


def test_what_differs_in_numbers_negation_or_roles_is_no_copy() -> None:
    sentence = "give the old patient two tablets before the evening meal"
    copies = [("", sentence), ("", sentence.replace("before the evening meal", "before dinner in the evening"))]
    assert len(kept_of(*copies)) == 1
    for other in (
        sentence.replace("two", "eight"),
        "never hand two tablets to the old patient when the evening meal is near",
        "give the evening patient two old tablets before the meal",
    ):
        assert len(kept_of(("", sentence), ("", other))) == 2, other


def test_an_answer_about_another_context_is_no_copy_however_long_what_they_share_is() -> None:
    passage = " ".join(WORDS) + ". "
    asked = [(passage + "Is the weir closed?", "yes"), (passage + "Is the weir closed?", "certainly not")]
    assert len(kept_of(*asked)) == 2
    two = [(passage + "Is the weir closed?", "yes"), ("Was the tram on time?", "yes")]
    assert len(kept_of(*two)) == 2
    again = [(passage + "Is the weir closed?", "yes"), (passage + "Is the weir closed??", "Yes.")]
    assert len(kept_of(*again)) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(60, 120), st.integers(1, 12), st.sampled_from([0.0, 0.02, 0.05]))
def test_a_copy_of_any_row_that_was_given_is_refused(seed: int, n: int, kinds: int, noise: float) -> None:
    """Be it one that stayed or one that fell: the reference knows all rows that it was made from."""
    rows, x = made(seed, n, kinds, noise)
    cleaned = clean(rows, x, x, ANCHOR, GATE)
    library = DuplicateIndex(96, GATE)
    unit, _ = centre(x, x.mean(axis=0))
    place = {row.id: i for i, row in enumerate(rows)}
    kept = [place[row.id] for row in cleaned.rows]
    texts = [rows[i].text for i in kept]
    keys = [sketch.plain for sketch in library.sketches(texts)]
    library.add(
        [rows[i].id for i in kept], texts, [""] * len(kept), [0] * len(kept), unit[kept], library.sketches(texts), keys
    )
    for i, row in enumerate(rows):
        (sketch,) = library.sketches([row.text])
        found = library.exact(sketch.plain)
        near = any(not differ_in_numbers_alone(row.text, library.contents[j]) for j, _ in library.near(sketch))
        around = library.around(unit[i : i + 1], [(row.text, "")], ANCHOR.clean_cosine, 3)[0]
        assert found or near or around.copy is not None
