"""Rules about a text alone that need no model: length, loops, gibberish, talk to a judge, secrets.

Each is cheap and says what it saw. They stop what is not worth a judge's time and what would talk to the judge;
whether a text is true, useful or well-formed English is not asked here, so terse, foreign, tabular and code-bearing
texts pass. Random but real words pass as well: those are for a language model. Evidence checks live in reflection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from synthdata.judging import letters
from synthdata.judging.encoded import revealed
from synthdata.judging.grammar import check_grammar
from synthdata.judging.loops import find_loop
from synthdata.judging.phrases import find_judge_talk, latin_letters, without_openers
from synthdata.records import Reason, Reject
from synthdata.settings import FloorSettings
from synthdata.text.secrets import find_secret
from synthdata.text.segments import count_words
from synthdata.text.unicode import fold_compatible

Rules = tuple[Callable[[str, FloorSettings], Reject | None], ...]

# Only a closed override is turned: an open one, put before a reply in a log, would turn what the log truly says.
_OVERRIDDEN = re.compile("\u202e([^\u202c\u202e\n]*)\u202c")


def canonical(text: str) -> str:
    """The text as a judge should see it: NFKC, without control, zero-width, bidi and other invisible characters.

    What stands backwards under a right-to-left override, up to the mark that ends it, is turned round, as a reader sees
    it.
    """
    turned = _OVERRIDDEN.sub(lambda span: span[1][::-1], text) if "\u202e" in text else text
    return fold_compatible(turned)


def readable(text: str) -> str:
    """The canonical text with lookalike letters turned into Latin ones: what the rules on words look at."""
    return latin_letters(canonical(text))


def check_text(content: str, floor: FloorSettings, rules: Rules | None = None) -> Reject | None:
    """The first of the rules (by default those on a review) that the text breaks, or None.

    Length in words comes first (two characters of an unspaced script count as one word), so a text that is far too long
    costs nothing more. Encoded text counts as what it says. About a millisecond for a page.
    """
    if len(content) > floor.max_chars:
        return Reject(Reason.TOO_LONG, len(content), floor.max_chars, detail=f"{len(content)} characters")
    text = readable(content)
    plain_text = revealed(text)
    text = text if plain_text == text else readable(plain_text)
    for rule in REVIEW_RULES if rules is None else rules:
        failure = rule(text, floor)
        if failure is not None:
            return failure
    return None


def _length(text: str, floor: FloorSettings) -> Reject | None:
    words = count_words(text)
    if words > floor.max_words:
        return Reject(Reason.TOO_LONG, words, floor.max_words, detail=f"{words:g} words (recipe.floor.max_words)")
    if floor.min_words is not None and words < floor.min_words:
        return Reject(Reason.TOO_SHORT, words, floor.min_words, detail=f"{words:g} words (recipe.floor.min_words)")
    return None


def _review_length(text: str, floor: FloorSettings) -> Reject | None:
    word_count = count_words(without_openers(text))
    least = max(floor.review_min_words, floor.min_words or 0)
    if word_count < least:
        detail = f"{word_count:g} words besides openers (recipe.floor.review_min_words)"
        return Reject(Reason.TOO_SHORT, word_count, least, detail=detail)
    return _length(text, floor)


def _judge_talk(text: str, floor: FloorSettings) -> Reject | None:
    span = find_judge_talk(text)
    return None if span is None else Reject(Reason.ADDRESSES_JUDGE, 1.0, 0.0, detail=span)


def _secret(text: str, floor: FloorSettings) -> Reject | None:
    kind = find_secret(text)
    return None if kind is None else Reject(Reason.SECRET, 1.0, 0.0, detail=kind)


def letter_measures(content: str) -> tuple[float, ...]:
    """Shares in [0, 1] that are high where letters make no words, in the order of their thresholds in the recipe.

    Symbols, encoded strings, changes of script, letter pairs of no word, consonants.
    """
    text = readable(content)
    plain_text = revealed(text)
    text = text if plain_text == text else readable(plain_text)
    words = letters.latin(text)
    odd, consonants = letters.odd_pairs(words), letters.missing_vowels(words)
    return letters.symbols(text), letters.blobs(text), letters.mix(text), odd, consonants


def check_letters(measures: Sequence[float], floor: FloorSettings, real: Sequence[float] = ()) -> Reject | None:
    """The first letter measure over its threshold; over what `real` contents reach too, where that is known."""
    thresholds = (
        (floor.symbol_share, "of its characters are symbols"),
        (floor.encoded_share, "of its characters are in encoded strings"),
        (floor.script_mix, "of its letters change script or block"),
        (floor.rare_bigram_share, "of its letter pairs belong to no word"),
        (1.0 - floor.min_vowels, "of its letters are consonants"),
    )
    known = real or (0.0,) * len(thresholds)
    for measure, (limit, what), reached in zip(measures, thresholds, known, strict=True):
        threshold = max(limit, reached)
        if measure > threshold:
            return Reject(Reason.GIBBERISH, measure, threshold, detail=f"{measure:.0%} {what}")
    return None


def _letters(text: str, floor: FloorSettings) -> Reject | None:
    return check_letters(letter_measures(text), floor)


# What is asked of any text; its letters are looked at where real texts have been (gate/wording.py). Loops come before
# the patterns, some of which take their time over endless repetition.
TEXT_RULES: Rules = (_length, find_loop, _secret)
# The same where somebody judges it.
JUDGED_TEXT_RULES: Rules = (_length, find_loop, _judge_talk, _secret)
# What is asked of a review of a run.
REVIEW_RULES: Rules = (_review_length, find_loop, _judge_talk, _secret, _letters, check_grammar)
