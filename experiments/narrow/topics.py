"""Eight kinds of real text as topics, in chunks of 12 to 48 tokens, each with the document that it was cut from."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from experiments.collapse.corpus import CHUNK_LEAST, CHUNK_MOST, docstring_chunks, plain, words
from synthdata.similarity.exact import exact_key

DATA = Path(__file__).parents[3] / "shared" / "data"
# Utterances of CLINC are short; three of one intent make a text.
_JOINED = 3
_LINES_A_DOCUMENT = 40


@dataclass(frozen=True)
class Chunk:
    """A cleaned text and the document that it is of."""

    text: str
    document: str


@cache
def topics() -> dict[str, tuple[Chunk, ...]]:
    """Distinct chunks by topic.

    Raises:
        FileNotFoundError: the shared data folder does not lie beside the checkout.
    """
    if not DATA.is_dir():
        raise FileNotFoundError(f"{DATA} is absent: E3 needs the shared data folder beside the checkout")
    sources: dict[str, Iterator[tuple[str, str]]] = {
        "docstrings": ((str(i), text) for i, text in enumerate(docstring_chunks())),
        "stories": _json("text-tinystories-sample/creative_fiction.jsonl.gz", "text"),
        "abstracts": _json("text-tinystories-sample/wikipedia_abstracts.jsonl.gz", "text"),
        "science": _json("text-tinystories-sample/technical_qa.jsonl.gz", "text"),
        "problems": _json("step-gsm8k/train.jsonl.gz", "question"),
        "plays": _lines("text-tinyshakespeare/input.txt.gz"),
        "articles": _lines("text-wikitext2-valid/valid.txt.gz"),
        "utterances": _utterances(),
    }
    seen: set[str] = set()
    return {name: tuple(_chunks(documents, seen)) for name, documents in sources.items()}


def _chunks(documents: Iterator[tuple[str, str]], seen: set[str]) -> Iterator[Chunk]:
    for document, text in documents:
        tokens = words(plain(text))
        for start in range(0, len(tokens), CHUNK_MOST):
            chunk = " ".join(tokens[start : start + CHUNK_MOST])
            if len(tokens[start : start + CHUNK_MOST]) >= CHUNK_LEAST and exact_key(chunk) not in seen:
                seen.add(exact_key(chunk))
                yield Chunk(chunk, document)


def _json(name: str, field: str) -> Iterator[tuple[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            yield str(number), json.loads(line)[field]


def _lines(name: str) -> Iterator[tuple[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        kept = (line.strip() for line in file if line.strip() and not line.strip().startswith("="))
        for number, lines in enumerate(_groups(kept, _LINES_A_DOCUMENT)):
            yield str(number), " ".join(lines)


def _utterances() -> Iterator[tuple[str, str]]:
    with gzip.open(DATA / "dup-clinc150" / "data_full.json.gz", "rt", encoding="utf-8") as file:
        data = json.load(file)
    by_intent: dict[str, list[str]] = {}
    for text, intent in data["train"]:
        by_intent.setdefault(intent, []).append(text)
    for intent, texts in sorted(by_intent.items()):
        for number, joined in enumerate(_groups(texts, _JOINED)):
            yield f"{intent} {number}", " . ".join(joined)


def _groups(items: Iterable[str], size: int) -> Iterator[list[str]]:
    left = iter(items)
    while group := list(islice(left, size)):
        yield group
