"""Untrusted text on its way to a reader, on a page or a terminal: cut, nothing unseen. Markup is not escaped here."""

from __future__ import annotations

from synthdata.text.unicode import is_unseen

LONG = 4000
_KEPT = {"\n", "\t"}


def printable(text: str | None, limit: int = LONG) -> str:
    """The first `limit` characters with unseen ones as escapes, and a note of how many more there are."""
    text = text or ""
    safe = "".join(c if c in _KEPT or not is_unseen(c) else f"\\x{ord(c):02x}" for c in text[:limit])
    return safe if len(text) <= limit else f"{safe} … [{len(text) - limit:,} more characters]"
