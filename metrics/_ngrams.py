"""N-grams of token lists, for every metric of wording. They do not cross documents. No metric lives here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Tokens = Sequence[str]


def check_order(n: int) -> None:
    """ValueError unless n is at least 1; callers ask first, since without any document nobody else would."""
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")


def ngrams(document: Tokens, n: int) -> Iterator[tuple[str, ...]]:
    """The n-grams of one token list in order; ValueError for a string, whose letters would pass for tokens."""
    if isinstance(document, str):
        raise ValueError("a document is a list of tokens, not a string: split it first")
    return zip(*(document[start:] for start in range(n)), strict=False)


def all_ngrams(documents: Sequence[Tokens], n: int) -> Iterator[tuple[str, ...]]:
    """The n-grams of all documents, one document after the other."""
    return (gram for document in documents for gram in ngrams(document, n))
