"""What leaves a corpus goes without secrets and personal data: exports, pages, terminals, errors, hooks alike.

`Pseudonyms` gives a value the same placeholder through all texts of a run (`[EMAIL_1]`); `redacted` does so for one
text alone. A key is replaced wherever its characters stand, also inside a longer word; what only its place shows to be
a secret, such as a short password, is replaced in such places. Pure functions over texts: no file, no corpus.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from synthdata.protocols import Redactor
from synthdata.records import Trajectory
from synthdata.text.personal import personal_values
from synthdata.text.secrets import secret_spans, secret_values

SECRET = "SECRET"
# The shortest key of a fixed form is longer than this.
_LEAST_KEY = 16
# A value as long as this is replaced wherever it stands; a shorter one may be an ordinary word elsewhere.
_LEAST_EVERYWHERE = 8


@dataclass(frozen=True)
class Pseudonyms:
    """The values of some texts that must not leave, and the placeholder of each; equal values have equal ones.

    `everywhere` matches the values that are replaced wherever they stand. Others are found again by their place.
    """

    placeholders: dict[str, str]
    everywhere: re.Pattern[str] | None
    redactors: tuple[Redactor, ...]

    @classmethod
    def of(cls, texts: Sequence[str], redactors: Sequence[Redactor] = (), labels: Sequence[str] = ()) -> Pseudonyms:
        """Find everything in the texts of a run, numbered by kind in the order of first appearance.

        In `labels` (ids, definitions) secrets alone are looked for: an id may look like a telephone number. `redactors`
        find more than the built-in recognisers do; what they call it becomes the placeholder's name.
        """
        hidden: dict[str, str] = {}
        for text in texts:
            hidden |= dict.fromkeys(secret_values(text), SECRET)
            hidden |= {
                text[a:b]: _kind(kind) for one in redactors for a, b, kind in one.find(text) if text[a:b].strip()
            }
        for text in labels:
            hidden |= dict.fromkeys(secret_values(text), SECRET)
        whole = "\n".join(texts)
        # `password@host` of an address with credentials reads like a mail; the credential goes, the host stays.
        kinds = {v: kind for v, kind in personal_values(whole).items() if not any(secret in v for secret in hidden)}
        return cls._numbered(whole, kinds | dict(sorted(hidden.items())), tuple(redactors))

    @classmethod
    def _numbered(cls, whole: str, kinds: dict[str, str], redactors: tuple[Redactor, ...]) -> Pseudonyms:
        counts: Counter[str] = Counter()
        placeholders = {}
        for value in sorted(kinds, key=lambda value: (at if (at := whole.find(value)) >= 0 else len(whole), value)):
            counts[kinds[value]] += 1
            placeholders[value] = f"[{kinds[value]}_{counts[kinds[value]]}]"
        return cls(placeholders, _pattern(kinds), redactors)

    def only(self, kind: str) -> Pseudonyms:
        """These values of one kind alone."""
        kept = {value: mark for value, mark in self.placeholders.items() if mark.startswith(f"[{kind}_")}
        return Pseudonyms(kept, _pattern(dict.fromkeys(kept, kind)), self.redactors if kind == SECRET else ())

    def redact(self, text: str) -> tuple[str, Counter[str]]:
        """The text with every value replaced, longest first, and how many were by kind."""
        counts: Counter[str] = Counter()
        if not text:
            return text, counts

        def mark(match: re.Match[str]) -> str:
            placeholder = self.placeholders[match[0]]
            counts[placeholder[1:-1].rpartition("_")[0]] += 1
            return placeholder

        if self.everywhere is not None:
            text = self.everywhere.sub(mark, text)
        # The text may show a value in a form that no text of the run has, as a key in escaped JSON.
        pieces, end = [], 0
        for span in secret_spans(text):
            pieces += [text[end : span.start], self.placeholders.get(text[span.start : span.end], f"[{SECRET}]")]
            counts[SECRET] += 1
            end = span.end
        return "".join([*pieces, text[end:]]), counts


def run_texts(run: Trajectory) -> list[str]:
    """Every text of a run, in order: what its pseudonyms are made from."""
    steps = [(s.name, s.action, s.thought, s.call_text, s.observation) for s in run.steps]
    return [run.task, *(text for step in steps for text in step if text)]


def run_labels(run: Trajectory) -> list[str]:
    """What of a run leaves beside its texts: the ids of calls, and the definitions of its tools."""
    ids = [call.call_id for step in run.steps for call in step.tool_calls]
    seen = [answer.call_id for step in run.steps for answer in step.observations]
    return [
        *dict.fromkeys(name for name in (*ids, *seen) if name and len(name) >= _LEAST_KEY),
        *filter(None, [run.tools]),
    ]


def redact_row(
    row: Any,  # noqa: ANN401 - JSON in, JSON out
    pseudonyms: Pseudonyms,
    seen: dict[str, tuple[str, Counter[str]]] | None = None,
) -> tuple[Any, Counter[str]]:
    """A row of any shape with every text in it redacted, keys that hold a secret too, and how many were by kind.

    `seen` keeps what becomes of each text, for rows that share turns.
    """
    counts: Counter[str] = Counter()
    seen = {} if seen is None else seen

    def walk(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
        if isinstance(value, str):
            known = seen.get(value)
            if known is None:
                known = seen[value] = pseudonyms.redact(value)
            text, hits = known
            if hits:
                counts.update(hits)
            return text
        if isinstance(value, dict):
            return {_key(key): walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return walk(row), counts


def _key(key: str) -> str:
    """A key of an object: a name that somebody chose stays, a secret that somebody put there goes."""
    return without_secrets(key) if len(key) >= _LEAST_KEY else key


@lru_cache(maxsize=512)
def redacted(text: str) -> str:
    """A text as others may see it: without secrets and personal data, numbered within the text alone."""
    return Pseudonyms.of([text]).redact(text)[0]


def redacted_json(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    """A JSON document with `redacted` applied to every text in it, and without secrets in its keys."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {_key(str(key)): redacted_json(item) for key, item in value.items()}
    return [redacted_json(item) for item in value] if isinstance(value, list | tuple) else value


# To the last @, since a password may hold any sign, unescaped.
_LOGIN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?.*@", re.DOTALL)


def address_without_login(address: str) -> str:
    """An address of a server as messages name it: whatever stands before the host is a login, secret-looking or not."""
    return without_secrets(_LOGIN.sub(rf"\g<1>[{SECRET}]@", address))


def without_secrets(text: str) -> str:
    """The text without its secrets alone: for messages whose addresses and numbers are needed to act on them."""
    pieces, end = [], 0
    for span in secret_spans(text):
        pieces += [text[end : span.start], f"[{SECRET}]"]
        end = span.end
    return "".join([*pieces, text[end:]])


def _kind(name: str) -> str:
    return re.sub(r"[^A-Z]+", "_", name.upper()).strip("_") or SECRET


def _pattern(kinds: dict[str, str]) -> re.Pattern[str] | None:
    """Values that are replaced wherever they stand; secrets even inside a longer word, others as whole words."""
    forms = []
    for value in sorted(kinds, key=lambda value: (-len(value), value)):
        if kinds[value] == SECRET and (len(value) < _LEAST_EVERYWHERE or value.isalpha()):
            continue
        edges = kinds[value] != SECRET and value[0].isalnum() and value[-1].isalnum()
        forms.append(rf"(?<!\w){re.escape(value)}(?!\w)" if edges else re.escape(value))
    return re.compile("|".join(forms)) if forms else None
