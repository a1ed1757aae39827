"""Texts in scripts that the encoder cannot read: all of a language have nearly one vector, so nothing tells them apart.

Rows are refused by themselves, a reference or file that holds many of them at once.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from synthdata.errors import AnchorError
from synthdata.gate.reference import ReferenceRow
from synthdata.protocols import Encoder
from synthdata.records import Candidate, Reason, Reject
from synthdata.settings import EncoderSettings
from synthdata.similarity.vectors import unread

_LOG = logging.getLogger(__name__)
_REMEDY = (
    "set recipe.encoder.model to the folder of a multilingual sentence-transformers model and recipe.encoder.dim to "
    'its width, or recipe.encoder.backend to "hashing", which compares spelling alone'
)


def check_readable(
    candidates: Sequence[Candidate], encoder: Encoder, settings: EncoderSettings, two: bool
) -> dict[str, Reject]:
    """The candidates that the encoder cannot read, by id: the content, then in a two-view corpus the context."""
    refused: dict[str, Reject] = {}
    for name in ("content", "context") if two else ("content",):
        unread_texts = unread(encoder, [getattr(candidate, name) for candidate in candidates])
        for candidate, (share, language) in zip(candidates, unread_texts, strict=True):
            if share > settings.unread_share:
                detail = f"the encoder cannot read {share:.0%} of its {name}'s letters ({language}): {_REMEDY}"
                reject = Reject(Reason.UNREADABLE, share, settings.unread_share, detail=detail)
                refused.setdefault(candidate.id, reject)
    return refused


def readable_rows(rows: Sequence[ReferenceRow], encoder: Encoder, settings: EncoderSettings) -> list[ReferenceRow]:
    """The reference rows that the encoder can read; that others are left out is logged.

    Raises:
        AnchorError: it cannot read more than `unread_rows` of them; says in which languages and what to set.
    """
    contents = unread_languages([row.content for row in rows], encoder, settings)
    contexts = unread_languages([row.context for row in rows], encoder, settings)
    languages = [one or other for one, other in zip(contents, contexts, strict=True)]
    notes, refuses = unreadable_note(languages, "reference rows", settings)
    if refuses:
        raise AnchorError(notes)
    if notes:
        _LOG.warning("%s; without that they are left out", notes)
    return [row for row, language in zip(rows, languages, strict=True) if not language]


def unread_languages(texts: Sequence[str], encoder: Encoder, settings: EncoderSettings) -> list[str]:
    """The language of each text that the encoder cannot read, empty for one that it can."""
    return [language if share > settings.unread_share else "" for share, language in unread(encoder, texts)]


def unreadable_note(languages: Sequence[str], what: str, settings: EncoderSettings) -> tuple[str, bool]:
    """One sentence on how many of these texts the encoder cannot read and what to set, empty where it can read all.

    And whether they are so many that what their vectors say is void.
    """
    counted = Counter(language for language in languages if language)
    if not counted:
        return "", False
    named = ", ".join(language for language, _ in counted.most_common(5))
    note = (
        f"{counted.total()} of {len(languages)} {what} are in scripts that the encoder {settings.model} cannot read "
        f"({named}): {_REMEDY}"
    )
    return note, counted.total() > settings.unread_rows * len(languages)
