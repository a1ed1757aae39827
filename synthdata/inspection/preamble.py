"""The beginning that most texts share, such as a system prompt or a description of tools: found by one rule, then cut.

Left in place it makes every text a near duplicate of every other and hides what differs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from synthdata.settings import InspectSettings

# A piece ends with a line break, or with sentence punctuation before white space.
_PIECE = re.compile(r".*?(?:[.!?:]\s+|\n\s*|\Z)", re.DOTALL)
_MOST_PIECES = 20
_MOST_CHARS = 4000


@dataclass(frozen=True)
class Preamble:
    """Beginnings that are cut, each a run of whole pieces, and the share of the texts looked at that have one."""

    beginnings: frozenset[str]
    share: float
    example: str

    def cut(self, text: str) -> str:
        """The text without its longest known beginning."""
        known, place = 0, 0
        for piece in pieces(text):
            place += len(piece)
            if text[:place] not in self.beginnings:
                break
            known = place
        return text[known:]


def pieces(text: str) -> list[str]:
    """The lines or sentences that a text begins with, and the white space after them; at most 20 of 4,000 characters.

    The last is left out, so that of every text something stays.
    """
    found: list[str] = []
    start = text[:_MOST_CHARS]
    for match in _PIECE.finditer(start):
        if match.end() >= len(start) or len(found) == _MOST_PIECES:
            break
        found.append(match[0])
    return found


def find_preamble(texts: Sequence[str], settings: InspectSettings) -> Preamble | None:
    """The preamble of a sample of texts, or None.

    A beginning (one or more whole lines or sentences) is shared if at least `preamble_rows` texts have it and at least
    half of those are different texts, so that copies make no preamble. It is cut only where at least
    `preamble_share` of all texts begin with the same shared piece, and with at least `preamble_words` words in the
    median text that has one: so a preamble in variants (one for each set of tools) is found, a habit of opening is not.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(texts):
        place = 0
        for piece in pieces(text):
            place += len(piece)
            holders[text[:place]].append(row)
    shared = {
        beginning
        for beginning, rows in holders.items()
        if len(rows) >= settings.preamble_rows and 2 * len({texts[row] for row in rows}) >= len(rows)
    }
    first = Counter({beginning: len(holders[beginning]) for beginning in shared if len(pieces(beginning + "x")) == 1})
    if not first or max(first.values()) < settings.preamble_share * len(texts):
        return None
    found = Preamble(frozenset(shared), 0.0, "")
    cuts = [text[: len(text) - len(found.cut(text))] for text in texts]
    held = sorted((cut for cut in cuts if cut), key=lambda cut: (len(cut.split()), cut))
    if not held or len(held[len(held) // 2].split()) < settings.preamble_words:
        return None
    common = Counter(held)
    example = min(common, key=lambda cut: (-common[cut], cut))
    return Preamble(frozenset(shared), len(held) / len(texts), example)
