"""When two texts count as the same text: one normal form and its hash.

Only spelling is folded here. Near copies belong to `minhash`, same meaning to `encoder` and `index`. The gate's exact
stage, the decontamination list and the shingles of `minhash` all rest on this one normal form.
"""

from __future__ import annotations

import unicodedata

from synthdata.records import content_hash
from synthdata.text.unicode import fold_compatible, remove_invisible

_EDGE = " \"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb.,;:!?\u2026\u3001\u3002"


def normalise(text: str) -> str:
    """The text as it counts for comparison: NFKC, casefold, no invisible characters, white space runs as one space.

    Quotation marks and sentence punctuation (`. , ; : ! ?` and their CJK forms) are cut from the two ends only, because
    generators quote and full-stop the same sentence at will; brackets, dashes and symbols stay: `-5` is not `5`.
    Idempotent. A text of nothing but such characters gives the empty string.
    """
    if text.isascii():
        return " ".join(remove_invisible(text).lower().split()).strip(_EDGE)
    folded = _fold(text)
    # Folding can create what an earlier step would have changed (composition across a removed mark).
    while (again := _fold(folded)) != folded:
        folded = again
    return folded


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", fold_compatible(text).casefold()).split()).strip(_EDGE)


def exact_key(text: str) -> str:
    """24 hex characters that two texts share exactly when their normal forms are equal."""
    return content_hash(normalise(text))
