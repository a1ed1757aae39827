"""One hash over all decisions, the same for two corpora that decided the same.

Nothing of when, where or in how many pieces a round was computed enters it.
"""

from __future__ import annotations

import hashlib
import math

from synthdata.corpus.store import CorpusStore


def digest(store: CorpusStore, as_of: int | None = None) -> str:
    """Hex sha256 over one line a decision, `id TAB verdict TAB reason TAB score NEWLINE`, UTF-8, sorted bytewise.

    `reason` is empty where there is none. `score` has six decimals, is empty where there is none, `nan` for NaN, and
    never a negative zero. The empty corpus gives the hash of no bytes.
    """
    rows = store.decisions(["id", "verdict", "reason", "score"], as_of).iter_rows()
    lines = [f"{name}\t{verdict}\t{reason or ''}\t{_fixed(score)}\n".encode() for name, verdict, reason, score in rows]
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest()


def _fixed(score: float | None) -> str:
    if score is None:
        return ""
    if not math.isfinite(score):
        return str(score)
    # Rounding first and adding zero turns what would print as -0.000000 into 0.000000.
    return f"{round(score, 6) + 0.0:.6f}"
