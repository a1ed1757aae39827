"""Names of records and seeded choices: what is read at once is what is read part by part."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from synthdata.records import content_hash, picked_by_hash
from synthdata.reflection.reading import _words, words

parts = st.lists(st.text(st.characters(), max_size=6), max_size=4)


@given(parts, st.integers(1, 64))
def test_a_hash_is_that_of_the_parts_with_their_lengths(texts, length):
    # Names of rows in corpora that exist.
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    assert content_hash(*texts, length=length) == digest.hexdigest()[:length]


@given(parts.filter(bool), parts)
def test_what_a_hash_picks_is_the_least_of_all_hashes(options, seed):
    assert picked_by_hash(options, *seed) == min(options, key=lambda option: content_hash(*seed, option))


@given(st.text(max_size=40) | st.just("the key's edge " * 200))
def test_words_that_are_kept_are_those_of_the_text_and_a_list_of_their_own(text):
    words(text).append("and more")
    assert words(text) == list(_words(text))
