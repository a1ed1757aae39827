"""One hash over all decisions and one over what happened to them later: the same for two corpora that did the same.

Nothing of when, where or in how many pieces a round was computed enters them.
"""

from __future__ import annotations

import hashlib
import json
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


# What was paid, read, asked or exported differs between two corpora that decided the same.
_UNCOUNTED = ("spend", "read", "steering", "release", "adapter", "retry")


def events_digest(store: CorpusStore, as_of: int | None = None) -> str:
    """Hex sha256 over one line an event that changes what the corpus holds or lets out, in their order.

    A line is `kind TAB key TAB round TAB ids NEWLINE`, the ids of removed rows sorted and joined by a comma. Without
    such an event it is the hash of no bytes.
    """
    lines = []
    for kind, key, at, payload in store.events(as_of=as_of).select("kind", "key", "round", "payload").iter_rows():
        if kind not in _UNCOUNTED:
            ids = ",".join(sorted(json.loads(payload).get("ids", ())))
            lines.append(f"{kind}\t{key}\t{at}\t{ids}\n".encode())
    return hashlib.sha256(b"".join(lines)).hexdigest()


def _fixed(score: float | None) -> str:
    if score is None:
        return ""
    if not math.isfinite(score):
        return str(score)
    # Rounding first and adding zero turns what would print as -0.000000 into 0.000000.
    return f"{round(score, 6) + 0.0:.6f}"
