"""What the gate reads of many texts at once is what it reads of each alone, and by the plain definition."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.duplicates import DuplicateIndex, among_themselves
from synthdata.gate.lexical import FUNCTION_WORDS, SLOTS_LOG2, skeleton, token_hash, wordings
from synthdata.settings import GateSettings

PIECES = "Anna|went|it's|\"quoted\"|`x y`|'one two'|a1|7|#|—|to|The|,|ÉTÉ|٣|\n|x'1|İ".split("|")
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map(" ".join)


def plain_slots(text: str, n: int) -> list[int]:
    words = re.findall(r"\w+(?:'\w+)?", text.lower())
    slots = set()
    for start in range(len(words) - n + 1):
        mixed = 0
        for word in words[start : start + n]:
            mixed = (mixed ^ token_hash(word)) * 0x9E3779B97F4A7C15 % 2**64
        slots.add(mixed >> (64 - SLOTS_LOG2))
    return sorted(slots)


def plain_skeleton(content: str, context: str) -> str:
    text = re.sub(r"\"[^\"\n]*\"|“[^”\n]*”|`[^`\n]*`|(?<!\w)'[^'\n]+'(?!\w)", " # ", content)
    text = re.sub(r"(?<=[a-z,;:] )[A-Z]\w+(?: [A-Z]\w+)*", " # ", text)
    entities = set(re.findall(r"\w+(?:'\w+)?", context.lower())) - FUNCTION_WORDS
    words = re.findall(r"\w+(?:'\w+)?|#", text.lower())
    masked = ["#" if w == "#" or w in entities or re.fullmatch(r"\w*\d\w*", w) else w for w in words]
    return " ".join(w for i, w in enumerate(masked) if w != "#" or i == 0 or masked[i - 1] != "#")


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.integers(1, 4))
def test_wordings_follow_the_definition(pairs, n):
    read = list(wordings([content for content, _ in pairs], [context for _, context in pairs], n))
    assert [slots.tolist() for slots, _ in read] == [plain_slots(content, n) for content, _ in pairs]
    assert [frame for _, frame in read] == [plain_skeleton(*pair) for pair in pairs]
    assert [frame for _, frame in read] == [skeleton(*pair) for pair in pairs]


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 2**32 - 1))
def test_many_near_texts_are_found_as_one_by_one_and_by_the_bands_they_share(kinds, seed):
    rng = np.random.default_rng(seed)
    words = np.array([f"word{i}" for i in range(300)])
    bases = [rng.choice(words, 40) for _ in range(4)]
    texts = []
    for kind in kinds:
        edited = bases[kind].copy()
        edited[rng.integers(40, size=rng.integers(4))] = "other"
        texts.append(" ".join(edited))
    library = DuplicateIndex(2, GateSettings())
    sketches = library.sketches(texts)
    reduced = DuplicateIndex(2, GateSettings())
    half = len(texts) // 2
    for held, its in ((library, sketches), (reduced, among_themselves(sketches))):
        numbers = [str(i) for i in range(half)]
        held.add(
            numbers,
            texts[:half],
            [0] * half,
            np.ones((half, 2), dtype=np.float32),
            its[:half],
            [name.encode() for name in numbers],
        )
    alone = [library.near(sketch) for sketch in sketches]
    # No row of the loop asks after it has entered.
    assert [reduced.near(sketch) for sketch in among_themselves(sketches)[half:]] == alone[half:]
    assert library.near_many(sketches) == alone
    assert library.near_many([]) == []
