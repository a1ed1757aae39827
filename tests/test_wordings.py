"""What the gate reads of many texts at once is what it reads of each alone, and by the plain definition."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synthdata.gate.duplicates import DuplicateIndex, among_themselves
from synthdata.gate.lexical import FUNCTION_WORDS, SLOTS_LOG2, skeleton, token_hash, wordings
from synthdata.settings import GateSettings
from synthdata.text.segments import phrase_units, segments

PIECES = "Anna|went|it's|\"quoted\"|`x y`|'one two'|a1|7|#|—|to|The|,|ÉTÉ|٣|\n|x'1|İ".split("|")
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14).map(" ".join)


def plain_slots(text: str, n: int) -> list[int]:
    words = phrase_units(segments(text.lower()))
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
    entities = set(segments(context.lower())) - FUNCTION_WORDS
    words = [w for part in re.split("(#+)", text.lower()) for w in (["#"] if part[:1] == "#" else segments(part))]
    masked = ["#" if w == "#" or w in entities else re.sub(r"\d+", "#", w) for w in words]
    return " ".join(w for i, w in enumerate(masked) if w != "#" or i == 0 or masked[i - 1] != "#")


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=6), st.integers(1, 4))
def test_wordings_follow_the_definition(pairs, n):
    read = list(wordings([content for content, _ in pairs], [context for _, context in pairs], n))
    assert [slots.tolist() for slots, _ in read] == [plain_slots(content, n) for content, _ in pairs]
    assert [skeleton(*pair) for pair in pairs] == [plain_skeleton(*pair) for pair in pairs]
    for (_, frame), pair in zip(read, pairs, strict=True):
        left = sum(word != "#" for word in skeleton(*pair).split())
        # All words of these pieces are of scripts with spaces.
        assert frame == (skeleton(*pair) if left >= 5 and frame else "")


def test_a_frame_needs_words():
    texts = {
        "(21 + 7) * 2 = 56; 21 - 7 = 14": "",
        '"Sharpen the chisel before you curse the oak."': "",
        '{"name": "Anna", "age": 12}': "",
        "Paris": "",
        "A v2 flight to the 2nd gate of hall C3 left at 12": "a v# flight to the #nd gate of hall # left at #",
        "他在3月份卖掉了祖父留下的老房子。": "他 在 # 月 份 卖 掉 了 祖 父 留 下 的 老 房 子",
    }
    assert [frame for _, frame in wordings(list(texts), [""] * len(texts), 4)] == list(texts.values())
    # An extraction: the words of its own context are masked, and nothing that could be a frame is left.
    assert [f for _, f in wordings(["Anna, Boris and Clara"], ["Who came? Anna, Boris and Clara came."], 4)] == [""]


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
            [""] * half,
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
