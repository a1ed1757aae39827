"""Text inside a text: what base64, base32 and hexadecimal runs say, so that the rules on words read it too.

An order to a judge is one however it is written, and a line that quotes an encoded sentence is no noise. What decodes
to anything but readable text (keys, digests, images, random bytes) stays what it is.
"""

from __future__ import annotations

import base64
import binascii
import re

from synthdata.text.segments import has_long_word

_LEAST = 16
_RUN = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,}={0,6}(?![A-Za-z0-9+/_=-])")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")
_BASE32 = re.compile(r"[A-Z2-7]+=*")
# Prose is nearly all letters and blanks; chance bytes that are valid text hardly ever are.
_LETTERS = 0.75


def revealed(text: str) -> str:
    """The text with each encoded run of 16 characters or more replaced by what it says, where that is readable."""
    if not has_long_word(text, _LEAST):
        return text
    return _RUN.sub(lambda run: _decoded(run[0]) or run[0], text)


def _decoded(run: str) -> str:
    bare = run.rstrip("=")
    if _HEX.fullmatch(run):
        return _prose(bytes.fromhex(run))
    try:
        if _BASE32.fullmatch(run) and (text := _prose(base64.b32decode(bare + "=" * (-len(bare) % 8)))):
            return text
    except binascii.Error:
        # Also made of capitals alone, base64 is looked for below.
        pass
    try:
        plain = bare.replace("-", "+").replace("_", "/")
        return _prose(base64.b64decode(plain + "=" * (-len(bare) % 4), validate=True))
    except binascii.Error:
        return ""


def _prose(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    shown = all(c.isprintable() or c.isspace() for c in text)
    words = sum(c.isalpha() or c == " " for c in text)
    return text if shown and " " in text.strip() and words >= _LETTERS * len(text) else ""
