"""Credentials in a text: keys by their form, passwords and tokens by where they stand. Nothing is ever asked online.

One scan serves every way out: the gate's floor refuses by `find_secret`, the redaction replaces by `secret_spans`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from synthdata.text.disguised import decoded, joined
from synthdata.text.key_formats import BLOCKS, KEY_FORMATS, KeyFormat
from synthdata.text.passwords import context_secrets, lowered

_BLOCKS = [(hint, form) for form in BLOCKS for hint in form.hints]
# Forms in their order, by the first sign in a hint of theirs; those of letters and digits alone under none. Most runs
# of characters hold few signs.
_SIGN = re.compile(r"[^a-z0-9]|$")
_BY_SIGN: dict[str, list[tuple[int, str, KeyFormat]]] = {}
for _number, (_hint, _form) in enumerate((hint, form) for form in KEY_FORMATS for hint in form.hints):
    _BY_SIGN.setdefault(_SIGN.findall(_hint)[0], []).append((_number, _hint, _form))
_RUN = re.compile(r"[A-Za-z0-9_.+/=~:$%!@?&#,-]{16,}")


@dataclass(frozen=True, slots=True)
class SecretSpan:
    """Where a secret stands in a text, `text[start:end]`, and what kind it is; never the secret itself."""

    start: int
    end: int
    kind: str


def find_secret(text: str) -> str | None:
    """The kind of the first key of a fixed form in the text, such as `GitHub token`, or None; never the key itself."""
    low = lowered(text)
    first = min(_keys(text, low, _runs(low)), key=_place, default=None)
    return first.kind if first else None


def secret_spans(text: str) -> tuple[SecretSpan, ...]:
    """Every secret of the text, in order, spans that touch united; the kind is that of the one that starts first."""
    return _spans_of_short(text) if len(text) <= _SHORT else _spans(text)[0]


def secret_values(text: str) -> set[str]:
    """The secrets themselves, for replacing them wherever they stand: whole spans, and the keys within them."""
    united, keys = _spans(text)
    return {text[span.start : span.end] for span in (*united, *keys)}


# Names of roles, tools and fields stand in every row: what is known of such texts is kept, of the newest.
_SHORT = 128


@lru_cache(maxsize=4096)
def _spans_of_short(text: str) -> tuple[SecretSpan, ...]:
    return _spans(text)[0]


def _spans(text: str) -> tuple[tuple[SecretSpan, ...], list[SecretSpan]]:
    """All secrets united, and the keys of a fixed form one by one."""
    low = lowered(text)
    runs = _runs(low)
    keys = list(_keys(text, low, runs))
    united: list[SecretSpan] = []
    for span in sorted([*keys, *(SecretSpan(*one) for one in context_secrets(text, low, bool(runs)))], key=_place):
        if united and span.start < united[-1].end:
            last = united[-1]
            united[-1] = SecretSpan(last.start, max(last.end, span.end), last.kind)
        else:
            united.append(span)
    return tuple(united), keys


def _place(span: SecretSpan) -> tuple[int, int]:
    """Where a span comes among others: the first, then the longest."""
    return span.start, -span.end


def _runs(low: str) -> list[re.Match[str]]:
    """Where keys can stand; prose has hardly any run as long."""
    return list(_RUN.finditer(low))


def _keys(text: str, low: str, runs: Sequence[re.Match[str]]) -> Iterator[SecretSpan]:
    yield from _plain_keys(text, low, runs)
    seamless = joined(text)
    if seamless is not None:
        read, places = seamless
        read_low = lowered(read)
        for span in _plain_keys(read, read_low, _runs(read_low)):
            # The end of the last character, not the beginning of the next one, which may lie behind a seam.
            yield SecretSpan(places[span.start], _end(text, places, span.end), span.kind)
    if not runs:
        return
    for start, end, plain in decoded(text):
        plain_low = lowered(plain)
        kind = next((span.kind for span in _plain_keys(plain, plain_low, _runs(plain_low))), None)
        if kind is not None:
            yield SecretSpan(start, end, kind)


def _end(text: str, places: list[int], end: int) -> int:
    """Where in the text the character before `end` of the joined text stops."""
    last = places[end - 1]
    coded = text[last] in "\\%" and end < len(places)
    return places[end] if coded else last + 1


def _plain_keys(text: str, low: str, runs: Sequence[re.Match[str]]) -> Iterator[SecretSpan]:
    for hint, form in _BLOCKS:
        if hint in low:
            yield from _matches(form, text, 0, len(text))
    for run in runs:
        for _, form in sorted(_possible(run[0]), key=itemgetter(0)):
            yield from _matches(form, text, run.start(), run.end())


def _possible(letters: str) -> Iterator[tuple[int, KeyFormat]]:
    """The forms, with their numbers, of which a run of characters holds a hint; each once a hint."""
    for sign, forms in _BY_SIGN.items():
        if sign in letters:
            for number, hint, form in forms:
                if hint in letters:
                    yield number, form


def _matches(form: KeyFormat, text: str, start: int, end: int) -> Iterator[SecretSpan]:
    group = "secret" if "secret" in form.pattern.groupindex else 0
    for match in form.pattern.finditer(text, start, end):
        yield SecretSpan(match.start(group), match.end(group), form.name)
