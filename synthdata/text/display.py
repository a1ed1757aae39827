"""Untrusted text on its way to a reader, on a page or a terminal: redacted, cut, nothing unseen.

Markup is not escaped here.
"""

from __future__ import annotations

from synthdata.text.redaction import redacted, without_secrets
from synthdata.text.unicode import is_unseen

LONG = 4000
# A secret that the cut goes through is longer than this only where it is a key of several pages.
_BEYOND = 4000
_KEPT = {"\n", "\t"}


def printable(text: str | None, limit: int = LONG) -> str:
    """The first `limit` characters without secrets and personal data, unseen ones as escapes, and how many follow."""
    text = text or ""
    safe = _seen(redacted(text[: limit + _BEYOND])[:limit])
    return safe if len(text) <= limit else f"{safe} … [{len(text) - limit:,} more characters]"


def beginning(text: str, limit: int) -> str:
    """At most the first `limit` characters, whole words where there are any, and a mark where more follows."""
    if len(text) <= limit:
        return text
    end = max(text.rfind(space, 0, limit + 1) for space in " \n\t")
    return f"{text[:end].rstrip() if end > 0 else text[:limit]} …"


def printable_message(text: str) -> str:
    """A message of ours about what went wrong: without secrets, but with the addresses that one needs to act on it."""
    return _seen(without_secrets(text[: LONG + _BEYOND])[:LONG])


def _seen(text: str) -> str:
    return "".join(c if c in _KEPT or not is_unseen(c) else f"\\x{ord(c):02x}" for c in text)
