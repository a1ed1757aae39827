"""The adapters of a corpus: a folder each under CORPUS/adapters/N, written whole, and their lineage from the events.

A folder holds the adapter as peft and llama.cpp read it, the loss curve, and a manifest with hashes and all that was
measured. Rolled back adapters keep their number and their manifest, not their weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthdata.errors import CorruptStoreError, InputError
from synthdata.io.files import atomic_folder
from synthdata.io.refusals import unless_refused

MANIFEST, WEIGHTS = "manifest.json", "weights"


@dataclass(frozen=True)
class Adapter:
    """A consolidation as its event tells it.

    `key` names all that went into it, `trained` are the ids of the rows that were new in it.
    """

    key: str
    number: int
    parent: int | None
    release: str
    base: str
    kept: bool
    trained: tuple[str, ...]
    sha256: str


def adapters(payloads: Iterable[Mapping[str, Any]]) -> list[Adapter]:
    """All consolidations in their order, from the payloads of the `adapter` events."""
    return [
        Adapter(
            p["key"],
            p["number"],
            p["parent"],
            p["release"],
            p["base"],
            p["kept"],
            tuple(p["trained"]),
            p["manifest_sha256"],
        )
        for p in payloads
    ]


def current(known: Iterable[Adapter], base: str) -> Adapter | None:
    """The adapter that was kept last on this base."""
    kept = [adapter for adapter in known if adapter.kept and adapter.base == base]
    return kept[-1] if kept else None


def trained_keys(known: Iterable[Adapter], adapter: Adapter | None) -> frozenset[str]:
    """Ids of all rows that this adapter and those before it were trained on."""
    by_number = {one.number: one for one in known}
    keys: set[str] = set()
    while adapter is not None:
        keys.update(adapter.trained)
        adapter = by_number.get(adapter.parent) if adapter.parent is not None else None
    return frozenset(keys)


def folder_of(corpus: Path, number: int) -> Path:
    """Where an adapter lies."""
    return corpus / "adapters" / str(number)


def weights_of(corpus: Path, adapter: Adapter) -> Path:
    """The folder with the adapter's weights, its hashes checked.

    Raises:
        CorruptStoreError: a file is missing, or is not what was written.
    """
    folder = folder_of(corpus, adapter.number)
    try:
        text = (folder / MANIFEST).read_bytes()
        files: dict[str, str] = json.loads(text)["files"]
        wrong = [name for name, sha in files.items() if _sha256(folder / name) != sha]
    except (OSError, ValueError, KeyError) as error:
        damage = CorruptStoreError(f"{folder}: the adapter cannot be read: {error}; consolidate its release again")
        raise unless_refused(error, folder, damage) from error
    if wrong or hashlib.sha256(text).hexdigest() != adapter.sha256:
        raise CorruptStoreError(f"{folder}: {', '.join(wrong) or MANIFEST} is not what was written; consolidate again")
    return folder / WEIGHTS


def latest_weights(corpus: Path, known: Iterable[Adapter], base: str) -> tuple[Adapter, Path]:
    """The adapter to generate with, and its weights.

    Raises:
        InputError: none was kept yet.
    """
    adapter = current(known, base)
    if adapter is None:
        raise InputError(f"{corpus}: no adapter on {base!r} was kept yet; `synthdata consolidate` makes one")
    return adapter, weights_of(corpus, adapter)


@contextmanager
def building(corpus: Path, number: int) -> Iterator[Path]:
    """A folder to write an adapter into, which takes its place when the block is left without an error."""
    # A folder without an event is the remains of a kill: the same work again takes its place.
    with atomic_folder(folder_of(corpus, number)) as part:
        (part / WEIGHTS).mkdir()
        yield part


def write_manifest(part: Path, facts: Mapping[str, Any]) -> str:
    """Write the manifest over every file in the folder; its own sha256."""
    names = sorted(str(path.relative_to(part)) for path in part.rglob("*") if path.is_file() and path.name != MANIFEST)
    content = {"format": 1, **facts, "files": {name: _sha256(part / name) for name in names}}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False).encode()
    (part / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
