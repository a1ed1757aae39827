"""Credentials in a text: keys by their form, passwords and tokens by where they stand. Nothing is ever asked online.

One scan serves every way out: the gate's floor refuses by `find_secret`, the redaction replaces by `secret_spans`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from synthdata.text.disguised import decoded, joined
from synthdata.text.key_formats import BLOCKS, KEY_FORMATS, KeyFormat
from synthdata.text.passwords import context_secrets, lowered

_BY_HINT = [(hint, form) for form in KEY_FORMATS for hint in form.hints]
_RUN = re.compile(r"[A-Za-z0-9_.+/=~:$%!@?&#,-]{16,}")


@dataclass(frozen=True, slots=True)
class SecretSpan:
    """Where a secret stands in a text, `text[start:end]`, and what kind it is; never the secret itself."""

    start: int
    end: int
    kind: str


def find_secret(text: str) -> str | None:
    """The kind of the first key of a fixed form in the text, such as `GitHub token`, or None; never the key itself."""
    first = min(_keys(text), key=lambda span: (span.start, -span.end), default=None)
    return first.kind if first else None


def secret_spans(text: str) -> list[SecretSpan]:
    """Every secret of the text, in order, spans that touch united; the kind is that of the one that starts first."""
    spans = [*_keys(text), *(SecretSpan(*one) for one in context_secrets(text))]
    united: list[SecretSpan] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if united and span.start < united[-1].end:
            last = united[-1]
            united[-1] = SecretSpan(last.start, max(last.end, span.end), last.kind)
        else:
            united.append(span)
    return united


def secret_values(text: str) -> set[str]:
    """The secrets themselves, for replacing them wherever they stand: whole spans, and the keys within them."""
    return {text[span.start : span.end] for span in (*secret_spans(text), *_keys(text))}


def _keys(text: str) -> Iterator[SecretSpan]:
    yield from _plain_keys(text)
    seamless = joined(text)
    if seamless is not None:
        read, places = seamless
        for span in _plain_keys(read):
            # The end of the last character, not the beginning of the next one, which may lie behind a seam.
            yield SecretSpan(places[span.start], _end(text, places, span.end), span.kind)
    for start, end, plain in decoded(text):
        kind = next((span.kind for span in _plain_keys(plain)), None)
        if kind is not None:
            yield SecretSpan(start, end, kind)


def _end(text: str, places: list[int], end: int) -> int:
    """Where in the text the character before `end` of the joined text stops."""
    last = places[end - 1]
    coded = text[last] in "\\%" and end < len(places)
    return places[end] if coded else last + 1


def _plain_keys(text: str) -> Iterator[SecretSpan]:
    low = lowered(text)
    for form in BLOCKS:
        if any(hint in low for hint in form.hints):
            yield from _matches(form, text, 0, len(text))
    # Prose has hardly any run as long as a key, so few texts are looked at with any expression.
    for run in _RUN.finditer(low):
        letters = run[0]
        for hint, form in _BY_HINT:
            if hint in letters:
                yield from _matches(form, text, run.start(), run.end())


def _matches(form: KeyFormat, text: str, start: int, end: int) -> Iterator[SecretSpan]:
    group = "secret" if "secret" in form.pattern.groupindex else 0
    for match in form.pattern.finditer(text, start, end):
        yield SecretSpan(match.start(group), match.end(group), form.name)
