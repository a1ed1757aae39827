"""The beginning that most texts share, such as a system prompt or a description of tools: found by one rule, then cut.

Left in place it makes every text a near duplicate of every other and hides what differs.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from synthdata.protocols import Encoder, Vectors
from synthdata.records import content_hash
from synthdata.similarity.vectors import unread

# A piece ends with a line break, or with sentence punctuation before white space.
_PIECE = re.compile(r".*?(?:[.!?:]\s+|\n\s*|\Z)", re.DOTALL)
_MOST_PIECES = 20
_MOST_CHARS = 4000


class PreambleRule(Protocol):
    """From when on a beginning is a preamble: settings of `inspect` and of the anchor."""

    @property
    def preamble_share(self) -> float:
        """Share of the texts that must begin with the same line or sentence."""

    @property
    def preamble_rows(self) -> int:
        """Texts that must have each further one."""

    @property
    def preamble_words(self) -> int:
        """Words in the median text that has one."""


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

    def joined(self, other: Preamble) -> Preamble:
        """The beginnings of both, such as of contents and of contexts; said is the one that more texts have."""
        commonest = max(self, other, key=lambda one: one.share)
        return Preamble(self.beginnings | other.beginnings, commonest.share, commonest.example)


class CuttingEncoder:
    """An encoder that looks at what stands behind a preamble; its fingerprint says so, as vectors may not mix."""

    def __init__(self, inner: Encoder, preamble: Preamble) -> None:
        self._inner, self._preamble = inner, preamble
        self.dim = inner.dim
        cut = content_hash(*sorted(preamble.beginnings), length=12)
        self.fingerprint = f"{inner.fingerprint}:cut-{cut}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As the inner encoder's, of the texts without their preamble."""
        return np.asarray(self._inner.encode([self._preamble.cut(text) for text in texts]), dtype=np.float32)

    def unread(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """What of each text behind its preamble the inner encoder cannot read."""
        return unread(self._inner, [self._preamble.cut(text) for text in texts])


def pieces(text: str) -> list[str]:
    """The lines or sentences that a text begins with, and the white space after them; at most 20 of 4,000 characters.

    The last is left out, so that of every text something stays.
    """
    parts: list[str] = []
    start = text[:_MOST_CHARS]
    for match in _PIECE.finditer(start):
        if match.end() >= len(start) or len(parts) == _MOST_PIECES:
            break
        parts.append(match[0])
    return parts


def find_preamble(texts: Sequence[str], settings: PreambleRule) -> Preamble | None:
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
    preamble = Preamble(frozenset(shared), 0.0, "")
    cuts = [text[: len(text) - len(preamble.cut(text))] for text in texts]
    held = sorted((cut for cut in cuts if cut), key=lambda cut: (len(cut.split()), cut))
    if not held or len(held[len(held) // 2].split()) < settings.preamble_words:
        return None
    common = Counter(held)
    example = min(common, key=lambda cut: (-common[cut], cut))
    return Preamble(frozenset(shared), len(held) / len(texts), example)
