"""The lists of characters: what is unseen goes, what is written stays, in every script."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.text.unicode import (
    INVISIBLE,
    UNQUOTABLE,
    UNSAFE_IN_PROMPT,
    UNSPACED,
    fold_compatible,
    is_unseen,
    remove_invisible,
    replace_unprintable,
)

WRITTEN = [
    "plain text",
    "Überraschung, naïve façade",
    "先打开冰箱",
    "こんにちは カタカナ",
    "한국어",
    "สวัสดี",
    "مرحبا",
    "हिन्दी",
    "ភាសាខ្មែរ",
    "a\tb\nc",
    "e\u0301",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_writing_of_any_script_is_kept(text):
    assert remove_invisible(text) == text
    assert not re.search(f"[{UNSAFE_IN_PROMPT}]", text)


@pytest.mark.parametrize(
    "character", ["\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\x00", "\x7f", "\u00ad", "\U000e0041", "\ufe0f"]
)
def test_what_nobody_sees_is_removed(character):
    assert remove_invisible(f"a{character}b") == "ab"
    assert fold_compatible(f"ﬁ{character}x") == "fix"


@pytest.mark.parametrize("kind", [UNSAFE_IN_PROMPT, UNQUOTABLE])
def test_bidi_marks_and_halves_of_pairs_are_in_both_lists(kind):
    for character in "\u202e\u200b\ufeff\x00\ud800":
        assert re.fullmatch(f"[{kind}]", character)


def test_scripts_without_spaces_by_their_names():
    for character in "中あカ한กລမក":
        assert re.fullmatch(f"[{UNSPACED}]", character), unicodedata.name(character)
    for character in "aяعहα":
        assert not re.fullmatch(f"[{UNSPACED}]", character), unicodedata.name(character)


@given(st.text())
def test_folding_twice_changes_nothing_and_leaves_nothing_unseen_of_the_list(text):
    folded = fold_compatible(text)
    assert not re.search(f"[{INVISIBLE}]", folded)
    assert remove_invisible(folded) == folded


@given(st.text())
def test_what_is_replaced_can_be_shown(text):
    assert all(c.isprintable() for c in replace_unprintable(text, " "))
    assert len(replace_unprintable(text)) == len(text)
    assert all(not is_unseen(c) for c in replace_unprintable(text) if c != "\N{REPLACEMENT CHARACTER}")
