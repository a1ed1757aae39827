"""The permanent held-out list: texts that must never be admitted, such as the tasks that an agent is measured on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from synthdata.gate.lexical import word_ngrams
from synthdata.similarity.exact import exact_key


class HeldOut:
    """Held-out texts findable by exact key and by shared word n-gram of length `ngram`; empty by default."""

    def __init__(self, texts: Iterable[str] = (), keys: Iterable[str] = (), ngram: int = 1) -> None:
        self._ngram = ngram
        self._exact: dict[str, str] = dict.fromkeys(keys, "(given as a hash)")
        self._grams: dict[str, str] = {}
        for text in texts:
            self._exact.setdefault(exact_key(text), _short(text))
            for gram in word_ngrams(text, ngram):
                self._grams.setdefault(gram, gram)

    @classmethod
    def load(cls, folder: Path, ngram: int) -> HeldOut:
        """Read every `*.jsonl` of the folder: lines `{"text": ...}` or `{"key": ...}`."""
        texts, keys = [], []
        for file in sorted(folder.glob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                texts.extend([row["text"]] if "text" in row else [])
                keys.extend([row["key"]] if "key" in row else [])
        return cls(texts, keys, ngram)

    def overlap(self, content: str) -> str | None:
        """What of the held-out list stands in the content, or None."""
        if not self._exact:
            return None
        if (found := self._exact.get(exact_key(content))) is not None:
            return found
        return next((gram for gram in word_ngrams(content, self._ngram) if gram in self._grams), None)


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[:limit] + " ..."
