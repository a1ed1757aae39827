"""The normal form of a text and its key: what is folded, what is kept, and that folding twice changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.similarity.exact import exact_key, normalise


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Look first.", "look   first"),
        ("\u201cLook first!\u201d", "look first"),
        ("\uff2c\uff4f\uff4f\uff4b first", "look first"),
        ("lo\u200bok\u00ad first", "look first"),
        ("look\u00a0\n\tfirst", "look first"),
        ("stra\u00dfe", "STRASSE"),
        ("cafe\u0301", "caf\u00e9"),
        ("\ufb01le \u2460", "file 1"),
        ("\u5148\u770b\u3002", "\u5148\u770b"),
    ],
)
def test_what_a_reader_takes_for_the_same_is_the_same(left, right):
    assert normalise(left) == normalise(right)
    assert exact_key(left) == exact_key(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [("-5", "5"), ("(a)", "a"), ("look first", "first look"), ("3.5", "35"), ("a-b", "ab"), ("don't", "dont")],
)
def test_what_means_something_stays(left, right):
    assert exact_key(left) != exact_key(right)


def test_texts_without_content_are_empty():
    for text in ("", "  \n", "\u200b\ufeff", "...", " '\"' "):
        assert normalise(text) == ""


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert "  " not in once and once == once.strip()


@given(st.text(), st.sampled_from(["\u200b", "\u00ad", "\ufeff", "\u2060", "\U000e0041"]), st.integers(0, 50))
def test_an_invisible_character_anywhere_changes_nothing(text, mark, place):
    if "\u200b" not in text:
        assert exact_key(text[:place] + mark + text[place:]) == exact_key(text)


def test_lone_surrogates_have_a_key():
    assert exact_key("broken \ud800 text") != exact_key("broken text")
