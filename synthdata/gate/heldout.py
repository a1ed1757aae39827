"""The permanent held-out list: texts that must never be admitted, such as the tasks that an agent is measured on.

Overlap is looked for in three ways: equal after normalisation, long word sequences in common (a short held-out text
as a whole), and MinHash for a light edit that breaks every long sequence. Files of the list are only ever added.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from synthdata.errors import InputError
from synthdata.gate.lexical import token_hash
from synthdata.io.files import atomic_write
from synthdata.records import canonical_json, content_hash
from synthdata.settings import GateSettings
from synthdata.similarity.exact import exact_key, normalise
from synthdata.text.grammar import FUNCTION_WORDS
from synthdata.text.unicode import UNSPACED

Hashes = NDArray[np.uint64]
# `{"text": ...}`, or hashes as `hash_row` makes them; a `{"key": ...}` alone finds equal texts.
HeldOutRow = dict[str, Any]
# Where no spaces are written each character is a word.
_TOKEN = re.compile(rf"[{UNSPACED}]|\w(?:[^\W{UNSPACED}])*")


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str


class _Hashed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: str = Field(pattern="^[0-9a-f]{24}$")
    size: int = Field(default=0, ge=0)
    grams: list[Annotated[int, Field(ge=0, lt=1 << 64)]] = []


_ROW: TypeAdapter[_Text | _Hashed] = TypeAdapter(_Text | _Hashed)


# Words of the sequences that an edited text is compared by, and how many of their hashes stand for a text.
_SHORT_GRAM, _SKETCH = 3, 32


@dataclass(frozen=True)
class Overlap:
    """What a text shares with a held-out one: `score` reached `threshold`; `span` is the shared wording."""

    kind: str
    score: float
    threshold: float
    span: str


class HeldOut:
    """Held-out texts and hashes behind one question, `overlap`; empty by default.

    A word sequence counts when it is `contaminated_ngram` words long, or all of a shorter held-out text of at least
    `contaminated_words` words that says something besides function words. A sequence in more than
    `contaminated_common` held-out texts is a form's boilerplate and counts for nothing (the rule of GPT-3's
    decontamination, arXiv 2005.14165, appendix C). Memory is 8 bytes a sequence, and half a KB a text for its sketch.
    """

    def __init__(
        self, texts: Sequence[str] = (), hashed: Sequence[HeldOutRow] = (), settings: GateSettings | None = None
    ) -> None:
        self._settings = settings or GateSettings()
        self._exact = {exact_key(text) for text in texts} | {row["key"] for row in hashed}
        read = [_read(text) for text in texts]
        made = [_held_grams(*one, self._settings) for one in read]
        made += [(row.get("size", 0), np.array(row.get("grams", ()), dtype=np.uint64)) for row in hashed]
        self._grams = _by_size(made, self._settings.contaminated_common)
        self._texts = list(texts)
        self._sketch, self._owners, self._sizes = _sketches([hashes for _, hashes in read], self._settings)

    @classmethod
    def load(cls, folder: Path, settings: GateSettings) -> HeldOut:
        """Read every `*.jsonl` of the folder, in the order of their names."""
        files = sorted(folder.glob("*.jsonl"))
        return cls.of_rows(
            [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").split("\n") if line],
            settings,
        )

    @classmethod
    def of_rows(cls, rows: Sequence[HeldOutRow], settings: GateSettings) -> HeldOut:
        """The list that these rows make."""
        return cls([row["text"] for row in rows if "text" in row], [row for row in rows if "key" in row], settings)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held out."""
        return not self._exact

    def overlap(self, text: str) -> Overlap | None:
        """The first overlap of a text with the list, or None."""
        if self.is_empty:
            return None
        if exact_key(text) in self._exact:
            return Overlap("equal to a held-out text", 1, 1, _short(text))
        tokens, hashes = _read(text)
        return self._sequence(tokens, hashes) or self._near(hashes)

    def _sequence(self, tokens: list[str], hashes: Hashes) -> Overlap | None:
        for size, grams in self._grams.items():
            own = _gram_hashes(hashes, size)
            if not len(own) or not len(grams):
                continue
            hits = grams[np.minimum(np.searchsorted(grams, own), len(grams) - 1)] == own
            if hits.any():
                first = int(hits.argmax())
                run = hits[first:]
                span = tokens[first : first + size + (len(run) if run.all() else int(run.argmin())) - 1]
                return Overlap("word sequence of a held-out text", len(span), size, _short(" ".join(span)))
        return None

    def _near(self, hashes: Hashes) -> Overlap | None:
        """Held-out texts of which the sketch is mostly there, verified on all their short word sequences."""
        own = np.unique(_gram_hashes(hashes, _SHORT_GRAM))
        if not len(own) or not len(self._sketch):
            return None
        low, high = np.searchsorted(self._sketch, own, "left"), np.searchsorted(self._sketch, own, "right")
        owners = [self._owners[a:b] for a, b in zip(low, high, strict=True) if b > a]
        rows, hits = np.unique(np.concatenate(owners), return_counts=True) if owners else (self._owners[:0], low[:0])
        share = self._settings.contaminated_share
        # Half of what is wanted on average: a text at the threshold has fewer hits once in some thousand.
        for row in rows[2 * hits >= share * self._sizes[rows]].tolist():
            held = np.unique(_gram_hashes(_read(self._texts[row])[1], _SHORT_GRAM))
            there = float(np.isin(held, own, assume_unique=True).mean())
            if there >= share:
                return Overlap("edit of a held-out text", there, share, _short(self._texts[row]))
        return None


def hash_row(text: str, settings: GateSettings) -> HeldOutRow:
    """A held-out text as hashes alone: it is found when copied or quoted at length, not when lightly edited."""
    size, grams = _held_grams(*_read(text), settings)
    return {"key": exact_key(text), "size": size, "grams": grams.tolist()}


def read_heldout_list(path: Path) -> list[HeldOutRow] | None:
    """The rows of a held-out list in its own format, None where a file is something else.

    Raises:
        InputError: a list whose later lines are neither a text nor hashes.
    """
    rows: list[HeldOutRow] = []
    if path.suffix != ".jsonl" or not path.is_file():
        return None
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            rows.append(_ROW.validate_json(line, strict=True).model_dump(exclude_unset=True))
        except ValidationError:
            if not rows:
                return None
            raise InputError(
                f'{path}, line {number}: not a row of a held-out list: `{{"text": ...}}` or hashes'
            ) from None
    return rows or None


def write_heldout(folder: Path, rows: Sequence[HeldOutRow]) -> Path | None:
    """Add rows to the list as a file named by its content; None where there are none."""
    lines = sorted({canonical_json(row) for row in rows})
    if not lines:
        return None
    path = folder / f"{content_hash(*lines)}.jsonl"
    atomic_write(path, "\n".join(lines) + "\n")
    return path


def _held_grams(tokens: list[str], hashes: Hashes, settings: GateSettings) -> tuple[int, Hashes]:
    """Length and distinct hashes of the word sequences by which a held-out text is found; none for a trivial one."""
    size = min(settings.contaminated_ngram, len(tokens))
    if size < settings.contaminated_ngram:
        telling = {token for token in tokens if token not in FUNCTION_WORDS}
        if size < settings.contaminated_words or 2 * len(telling) < settings.contaminated_words:
            return 0, np.empty(0, dtype=np.uint64)
    return size, np.unique(_gram_hashes(hashes, size))


def _by_size(made: Sequence[tuple[int, Hashes]], limit: int) -> dict[int, Hashes]:
    """Sorted hashes by sequence length, without those that more than `limit` texts hold."""
    sizes = {}
    for size in sorted({size for size, _ in made} - {0}):
        grams, counts = np.unique(np.concatenate([g for own, g in made if own == size]), return_counts=True)
        sizes[size] = grams[counts <= limit]
    return sizes


def _sketches(texts: Sequence[Hashes], settings: GateSettings) -> tuple[Hashes, NDArray[np.int64], NDArray[np.int64]]:
    """Bottom-k MinHash (Broder 1997): the smallest hashes of each text's short word sequences, sorted over all texts.

    Beside them whose each is, and how many each text has; a text with few sequences has none, since any overlap of
    those is chance.
    """
    made, sizes = [], np.zeros(len(texts), dtype=np.int64)
    for row, hashes in enumerate(texts):
        grams = np.unique(_gram_hashes(hashes, _SHORT_GRAM))
        grams = grams[:_SKETCH] if len(grams) >= 2 * settings.contaminated_words else grams[:0]
        made.append(grams)
        sizes[row] = len(grams)
    sketch = np.concatenate([*made, np.empty(0, dtype=np.uint64)])
    owners = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    order = np.argsort(sketch, kind="stable")
    return sketch[order], owners[order], sizes


def _read(text: str) -> tuple[list[str], Hashes]:
    """The words of a text after normalisation, and their hashes."""
    tokens = _TOKEN.findall(normalise(text))
    return tokens, np.array([token_hash(token) for token in tokens], dtype=np.uint64)


def _gram_hashes(tokens: Hashes, size: int) -> Hashes:
    """64-bit hashes of the runs of `size` tokens, in order; empty for fewer tokens."""
    count = len(tokens) - size + 1
    if count < 1:
        return np.empty(0, dtype=np.uint64)
    mixed = np.full(count, size, dtype=np.uint64)
    for k in range(size):
        # An odd multiplier mixes order in, the shift brings high bits down; overflow is the intended arithmetic.
        mixed = (mixed ^ tokens[k : k + count]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[:limit] + " ..."
