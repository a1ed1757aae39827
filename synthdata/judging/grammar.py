"""Words in a row that no grammar holds together: soup of real words beside sound sentences.

In sentences of languages in Latin letters every second word or so belongs to the grammar, and runs of others are short.
Rules on letters and on known words do not see such a stretch: its words are words.
"""

from __future__ import annotations

import re

from synthdata.records import Reason, Reject
from synthdata.settings import FloorSettings
from synthdata.text.grammar import FUNCTION_WORDS, LATIN_GRAMMAR

# Words with their apostrophes and hyphens, and what ends a run: the signs of sentences, lists, calls and code.
_PIECE = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[.,;:!?()\[\]{}<>=|/\\\"`_\n\u201c\u201d]")
# The other words must show a grammar that is known here: enough of them, with this share of its words.
_LEAST_OTHERS, _LEAST_SHARE = 8, 0.2


def check_grammar(text: str, floor: FloorSettings) -> Reject | None:
    """Too many words in a row without one word of grammar, in a text that else has such words."""
    longest = held = words = run = stop = 0
    for match in _PIECE.finditer(text):
        piece = match[0].lower()
        if not piece[0].isalnum():
            run = 0
            continue
        if not piece.replace("'", "").replace("\u2019", "").replace("-", "").isalpha():
            # A number, a hash, a code: no word and no end of one.
            continue
        words += 1
        known = piece in FUNCTION_WORDS or piece in LATIN_GRAMMAR
        held += known
        run = 0 if known else run + 1
        if run > longest:
            longest, stop = run, match.end()
    others = words - longest
    if longest < floor.ungrammatical_words or others < _LEAST_OTHERS or held < _LEAST_SHARE * others:
        return None
    shown = text[max(0, stop - 80) : stop]
    detail = f"{longest} words in a row without one of grammar: {shown!r}"
    return Reject(Reason.GIBBERISH, longest, floor.ungrammatical_words, detail=detail)
