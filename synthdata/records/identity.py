"""The same value always gives the same text, and the same text the same name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and real characters: the same value always gives the same text."""
    return _CANONICAL.encode(value)


# `json.dumps` would make an encoder a call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(*parts: str, length: int = 24) -> str:
    """Hex sha256 over the parts with their lengths, cut to `length` characters; lone surrogates are allowed."""
    return hashlib.sha256(b"".join(map(_with_length, parts))).hexdigest()[:length]


def picked_by_hash(options: Iterable[str], *seed: str) -> str:
    """The option whose `content_hash` behind the seed's parts is the least; the seed is read once."""
    begun = hashlib.sha256(b"".join(map(_with_length, seed)))

    def place(option: str) -> bytes:
        own = begun.copy()
        own.update(_with_length(option))
        return own.digest()[:12]

    return min(options, key=place)


def _with_length(part: str) -> bytes:
    data = part.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(8, "big") + data
