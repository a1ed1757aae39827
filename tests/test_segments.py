"""Words in every script: marks stay with their letter, unspaced scripts are cut by the letter."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.text import segments as module
from synthdata.text.segments import count_words, is_unspaced, phrase_units, segments

# Sentences whose words are known, with how many there are.
WORDS = {
    "Hindi": ("हिन्दी में किताब पढ़ना अच्छा है।", 6),
    "Bengali": ("আমি বাংলায় গান গাই।", 4),
    "Tamil": ("தமிழ் மொழி அழகானது.", 3),
    "Telugu": ("తెలుగు భాష అందమైనది", 3),
    "Arabic with vowel signs": ("اللُّغَةُ العَرَبِيَّةُ جَمِيلَةٌ", 3),
    "Hebrew with points": ("שָׁלוֹם עוֹלָם", 2),
    "Persian with a joiner": ("نمی\u200cخواهم بروم", 2),
    "Korean": ("안녕하세요 여러분 반갑습니다", 3),
    "decomposed French": (unicodedata.normalize("NFD", "l\u2019été à la forêt"), 4),
    "Vietnamese": (unicodedata.normalize("NFD", "Tiếng Việt rất đẹp"), 4),
    "English": ("Don't stop, it isn\u2019t over 12 days.", 7),
    "Amharic": ("ሰላም ለዓለም", 2),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_spaced_script_has_as_many_words_as_it_shows(name):
    text, count = WORDS[name]
    assert len(segments(text)) == count == count_words(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("水在海平面上加热到100度就会沸腾。", 8),
        ("这列火车每天早上七点从上海出发。", 7.5),
        ("コンピューターを使う", 5),
        ("ภาษาไทยไม่มีช่องว่าง", 8),
        ("ខ្មែរ", 1.5),
        ("iPhone手机", 2),
    ],
)
def test_two_letters_of_an_unspaced_script_are_a_word(text, words):
    assert count_words(text) == words


def test_a_digit_in_chinese_stands_alone_and_its_neighbours_stay():
    assert segments("在3月份卖") == ["在", "3", "月", "份", "卖"]
    assert phrase_units(segments("在3月份卖")) == ["在", "3", "月份", "份卖"]
    assert phrase_units(["plain", "words"]) == ["plain", "words"]
    assert phrase_units(segments("这")) == ["这"]


@given(st.text())
def test_no_mark_is_ever_cut_off_and_nothing_but_signs_is_lost(text):
    found = segments(text)
    assert all(not unicodedata.category(segment[0]).startswith("M") or segment in text for segment in found)
    left = text
    for segment in found:
        _, there, left = left.partition(segment)
        assert there
    assert count_words(text) <= len(found)
    assert [s for s in found if s.isascii()] == [s for s in found if s.isascii() and not is_unspaced(s)]


@given(st.text(alphabet=st.characters(max_codepoint=0x2BFF)))
def test_the_fast_way_finds_the_same_words(text):
    assert segments(text) == module._SEGMENT.findall(text)


@given(st.lists(st.sampled_from("祖父留下的老房子在月份"), min_size=2))
def test_phrases_of_letters_are_all_neighbouring_pairs(letters):
    assert phrase_units(letters) == [a + b for a, b in pairwise(letters)]
