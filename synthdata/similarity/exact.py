"""When two texts count as the same text: one normal form and its hash.

Only spelling is folded here. Near copies belong to `minhash`, same meaning to `encoder` and `index`. The gate's exact
stage, the decontamination list and the shingles of `minhash` all rest on this one normal form.
"""

from __future__ import annotations

import re
import unicodedata

from synthdata.records import content_hash

# Control characters that are no white space, and Unicode's default-ignorable code points (zero width, bidi marks,
# variation selectors, fillers, tags): they change what a computer sees and not what a reader sees.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_EDGE = " \"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb.,;:!?\u2026\u3001\u3002"


def normalise(text: str) -> str:
    """The text as it counts for comparison: NFKC, casefold, no invisible characters, white space runs as one space.

    Quotation marks and sentence punctuation (`. , ; : ! ?` and their CJK forms) are cut from the two ends only, because
    generators quote and full-stop the same sentence at will; brackets, dashes and symbols stay: `-5` is not `5`.
    Idempotent. A text of nothing but such characters gives the empty string.
    """
    if text.isascii():
        return " ".join(_INVISIBLE.sub("", text).lower().split()).strip(_EDGE)
    folded = _fold(text)
    # Folding can create what an earlier step would have changed (composition across a removed mark).
    while (again := _fold(folded)) != folded:
        folded = again
    return folded


def _fold(text: str) -> str:
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)))
    return " ".join(unicodedata.normalize("NFKC", visible.casefold()).split()).strip(_EDGE)


def exact_key(text: str) -> str:
    """24 hex characters that two texts share exactly when their normal forms are equal."""
    return content_hash(normalise(text))
