"""The same value always gives the same text, and the same text the same name."""

from __future__ import annotations

import hashlib
import json


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces and real characters: the same value always gives the same text."""
    return _CANONICAL.encode(value)


# `json.dumps` would make an encoder a call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(*parts: str, length: int = 24) -> str:
    """Hex sha256 over the parts with their lengths, cut to `length` characters; lone surrogates are allowed."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()[:length]
