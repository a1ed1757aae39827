"""Untrusted text on its way into a prompt: defused of what looks like markup, and set between marks nobody can forge.

Shared by every prompt that shows a log or a model's text. Cutting and choosing what is shown belongs to the rooms.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from synthdata.text.unicode import UNSAFE_IN_PROMPT

_ROLE_TAG = re.compile(
    r"<\|[^|<>\n]{1,40}\|>|</?s>|\[/?(?:INST|SYS)\]|<</?SYS>>|<(/?)(system|user|assistant|tool|human)>", re.IGNORECASE
)
_ROLE_LINE = re.compile(r"^(\s*(?:#+\s*)?)(system|user|assistant|human|developer)(\s*:)", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"<{3,}|>{3,}")
_UNSEEN = re.compile(f"[{UNSAFE_IN_PROMPT}]")


def nonce(secret: bytes, key: str) -> str:
    """16 hex characters: HMAC-SHA256 under the corpus secret of what is shown, so that prompts stay cacheable."""
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:16]


def neutralize(text: str) -> str:
    """The text with fences, role tags and unseen characters defused: readable as before, but no longer markup."""
    text = _UNSEEN.sub("", text)
    text = _FENCE.sub(lambda m: ("‹" if m[0][0] == "<" else "›") * len(m[0]), text)
    text = _ROLE_TAG.sub(lambda m: m[0].translate(str.maketrans("<>[]|", "‹›⟦⟧¦")), text)
    return _ROLE_LINE.sub(r"\1\2 \3", text)


def wrap_untrusted(text: str, mark: str) -> str:
    """Untrusted text between two lines that carry the nonce."""
    return f"<<<DATA {mark}\n{neutralize(text)}\nDATA {mark}>>>"
