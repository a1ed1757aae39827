"""Which characters a reader does not see, which scripts write no spaces: the one home of such lists.

What is done about them (removed before comparing, escaped on a terminal, refused in a quote) belongs to the callers.
"""

from __future__ import annotations

import re
import unicodedata

# Control characters that are no white space, and Unicode's default-ignorable code points (zero width, bidi marks,
# variation selectors, fillers, tags): they change what a computer sees and not what a reader sees.
INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Han, kana, Hangul, Thai, Lao, Burmese and Khmer: no spaces between words, so that a character counts for itself.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
# What would hide or forge a line of a prompt: control characters but tab and line feed, zero-width and bidi marks, and
# halves of surrogate pairs.
UNSAFE_IN_PROMPT = "\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\x00-\x08\x0b-\x1f\x7f\ud800-\udfff"
# What may not stand in a quote: all control characters, line and paragraph ends, zero-width and bidi marks, and halves
# of surrogate pairs.
UNQUOTABLE = "\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\ufeff\ud800-\udfff"
# Categories of what no terminal or page shows: control, format, surrogate, private, unassigned, line, paragraph ends.
UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def remove_invisible(text: str) -> str:
    """The text without the characters of `INVISIBLE`."""
    # Most texts are of printable ASCII, and this tells at a twentieth of the search.
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def fold_compatible(text: str) -> str:
    """NFKC of what a reader sees: invisible characters go before the folding, and what the folding brings after it."""
    if text.isascii():
        return remove_invisible(text)
    return remove_invisible(unicodedata.normalize("NFKC", remove_invisible(text)))


def is_unseen(character: str) -> bool:
    """Whether no terminal or page shows this character; line feed and tab are unseen too."""
    return unicodedata.category(character) in UNSEEN_CATEGORIES


def replace_unprintable(text: str, substitute: str = "\N{REPLACEMENT CHARACTER}", keep: str = "") -> str:
    """The text with each character that Python calls unprintable, except those of `keep`, replaced."""
    return "".join(c if c in keep or c.isprintable() else substitute for c in text)
