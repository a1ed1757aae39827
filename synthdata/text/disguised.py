"""Texts as they read once quoting, colours and encodings are taken off: what a key is looked for in a second time.

A key that a log splits over two string literals, colours in the middle, writes with an escape for its underscore or
holds in base64 has no run of its own characters; its parts would leave all the same.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from synthdata.text.segments import has_long_word

# Characters nobody sees, colours of a terminal, the seam between two string literals, an escaped line end in a string.
_SEAM = (
    r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+|\\{1,2}u(?:00ad|200[b-f]|206[0-4]|feff)"
    r"|(?:\x1b|\\{1,2}(?:u001b|x1b|033|e))\[[0-9;]{0,12}m"
    r"|\\{0,3}[\"'`](?:[ \t]{0,4}(?:[+.&]|\\{1,4}\n|\\{1,5}n|\n)[ \t\n]{0,40})\\{0,3}[\"'`]"
    r"|\\\n[ \t]{0,40}|\\{3}n"
)
_CODED = r"\\{1,2}u00(?P<u>[2-7][0-9a-fA-F])|\\{1,2}x(?P<x>[2-7][0-9a-fA-F])|%(?P<p>2[dDeE]|5[fF])"
_PLACE = re.compile(f"{_SEAM}|{_CODED}")
# How each of them begins: quotes and percent signs are common, and few of them have the next sign that it takes.
_BEGINNING = re.compile(
    r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\\\x1b\"'`%](?:(?<![\"'`%])|(?=[ \t]{0,4}[+.&\\\n]|[25]))"
)
_LEAST_BASE64 = 32
_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{_LEAST_BASE64},}}={{0,2}}")
_LONGEST = 100_000


def joined(text: str) -> tuple[str, list[int]] | None:
    """The text without its seams and with its coded characters read, and where each character stood; None without any.

    One place more than characters: the end of the text.
    """
    pieces: list[str] = []
    places: list[int] = []
    end = 0
    for beginning in _BEGINNING.finditer(text):
        match = _PLACE.match(text, beginning.start()) if beginning.start() >= end else None
        if match is None:
            continue
        pieces.append(text[end : match.start()])
        places += range(end, match.start())
        code = match["u"] or match["x"] or match["p"]
        if code:
            pieces.append(chr(int(code, 16)))
            places.append(match.start())
        end = match.end()
    if not end:
        return None
    pieces.append(text[end:])
    return "".join(pieces), [*places, *range(end, len(text) + 1)]


def decoded(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and text of every run of base64 that encodes printable ASCII."""
    if not has_long_word(text, _LEAST_BASE64):
        return
    for match in _BASE64.finditer(text):
        run = match[0].rstrip("=")[:_LONGEST].translate({45: 43, 95: 47})
        try:
            raw = base64.b64decode(run + "=" * (-len(run) % 4))
        except (binascii.Error, ValueError):
            continue
        if raw.isascii() and (plain := raw.decode("ascii")).replace("\n", " ").replace("\r", " ").isprintable():
            yield match.start(), match.end(), plain
