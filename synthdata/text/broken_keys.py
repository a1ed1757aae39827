"""Keys that were read off a picture in pieces, made whole again, so that the scanners of texts know them.

A window breaks a long key at its edge, wide letters read as words of their own, and in most letters a capital I and a
small l look alike.
"""

from __future__ import annotations

from synthdata.text.secrets import find_secret, secret_spans

# The beginnings of keys that hold a capital I, as they may be read.
_LOOK_ALIKE = {"Alza": "AIza", "AKlA": "AKIA", "ASlA": "ASIA"}
_PIECES = 6
# The shortest key of a fixed form is longer than this; so is what a window leaves of one.
_LEAST_KEY = 16


def alike_mended(text: str) -> str:
    """The text with the beginnings of keys as they were meant."""
    for read, meant in _LOOK_ALIKE.items():
        text = text.replace(read, meant)
    return text


def has_broken_key(text: str) -> bool:
    """Whether pieces that follow each other make a key."""
    pieces = text.split()
    runs = ("".join(pieces[at : at + many]) for at in range(len(pieces)) for many in range(2, _PIECES + 1))
    return any(find_secret(run) for run in runs)


def with_whole_keys(text: str) -> str:
    """The words of a text, with pieces that make a key together in one; all other words as they stand."""
    pieces, made = text.split(), list[str]()
    at = 0
    while at < len(pieces):
        many = _key_from(pieces[at : at + _PIECES])
        made.append(alike_mended("".join(pieces[at : at + many])) if many else pieces[at])
        at += many or 1
    return " ".join(made)


def _key_from(pieces: list[str]) -> int:
    """How many of these pieces, from the first on, are one key; 0 where none begins in the first."""
    for many in range(1, len(pieces) + 1):
        run = alike_mended("".join(pieces[:many]))
        if len(run) < _LEAST_KEY or find_secret(run) is None:
            continue
        if many > 1 and find_secret(alike_mended("".join(pieces[1:many]))) is not None:
            # The first is a word before the key.
            return 0
        while many < len(pieces) and _goes_on(run, pieces[many]):
            run, many = run + pieces[many], many + 1
        return many
    return 0


def _goes_on(key: str, piece: str) -> bool:
    """Whether a key reaches into the next piece, which is no word."""
    word = piece.isalpha() and len(piece) < _LEAST_KEY and (piece.islower() or piece.isupper() or piece.istitle())
    return not word and any(span.end > len(key) for span in secret_spans(key + piece))
