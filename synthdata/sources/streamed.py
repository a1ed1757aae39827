"""The items of a JSON list of any length, one at a time, in memory for one item."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

_BLOCK = 1 << 20
# What stands between the items of a list.
_GAP = re.compile(r"[\s,]*")


def blocks_of(*handles: BinaryIO) -> Iterator[bytes]:
    """The bytes of several handles, in blocks."""
    for handle in handles:
        while block := handle.read(_BLOCK):
            yield block


def list_items(decoder: json.JSONDecoder, blocks: Iterator[bytes], bound: int) -> Iterator[tuple[object, str]]:
    """Each item with its JSON text. An item that does not end within `bound` characters is an error.

    Raises:
        ValueError: what is no list of JSON values, or no UTF-8.
    """
    decode = codecs.getincrementaldecoder("utf-8")().decode
    text, at, last = "", 0, False
    while "[" not in text:
        block = next(blocks, None)
        if block is None:
            raise ValueError("no list")
        text += decode(block)
    at = text.index("[") + 1
    while True:
        gap = _GAP.match(text, at)
        at = gap.end() if gap else at
        if text[at : at + 1] == "]":
            return
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            if last or len(text) - at > bound:
                raise
            end = len(text)
        # What reaches the end of a block may go on in the next one.
        if end == len(text) and not last:
            block = next(blocks, b"")
            last = not block
            text, at = text[at:] + decode(block, last), 0
            continue
        yield value, text[at:end]
        at = end
