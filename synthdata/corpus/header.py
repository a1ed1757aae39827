"""corpus.json: what a corpus is, in one small file that is replaced whole or not at all.

Holds the corpus secret, so only its owner may read it. Rows, vectors and calibrations live elsewhere.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthdata.corpus.seals import FOLDER
from synthdata.errors import CorruptStoreError, InputError
from synthdata.io.files import atomic_write, parsed_json
from synthdata.io.refusals import unless_refused

# 2 is sealed (seals.py); 1 was made before there were seals, and becomes 2 with its next write.
FORMAT, UNSEALED = 2, 1
NAME = "corpus.json"

Views = Literal["one", "two"]


@dataclass(frozen=True)
class Header:
    """The content of corpus.json. `secret` is 64 hex characters; `recipe` and `runtime` are settings as plain dicts."""

    views: Views
    anchor: int = 0
    recipe: dict[str, Any] = field(default_factory=dict)
    runtime: dict[str, Any] = field(default_factory=dict)
    secret: str = field(default_factory=lambda: secrets.token_hex(32))
    format: int = FORMAT


def header_text(header: Header) -> str:
    """What corpus.json holds for this header."""
    return json.dumps(asdict(header), indent=1, sort_keys=True)


def write_header(corpus: Path, header: Header) -> None:
    """Replace corpus.json, whole or not at all; only its owner may read it."""
    atomic_write(corpus / NAME, header_text(header), mode=0o600)


def read_header(corpus: Path) -> Header:
    """Read corpus.json.

    Raises:
        InputError: no corpus there, or one of another format version.
        CorruptStoreError: the file is there but cannot be read as a header.
    """
    path = corpus / NAME
    sealed = (corpus / FOLDER).is_dir()
    advice = f"`verify {corpus} --repair` restores it from its second copy" if sealed else "restore it from a copy"
    if not path.is_file():
        if sealed:
            raise CorruptStoreError(f"{path}: is missing; {advice}")
        raise InputError(f"{corpus}: not a corpus (no {NAME}); make one with `synthdata init`")
    try:
        data = parsed_json(path.read_text(encoding="utf-8"))
        version = int(data["format"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        damage = CorruptStoreError(f"{path}: cannot be read: {error}; {advice}")
        raise unless_refused(error, path, damage) from error
    if version > FORMAT:
        raise InputError(f"{path}: format {version}, this version reads up to {FORMAT}; install a newer synthdata")
    if version < UNSEALED:
        raise InputError(
            f"{path}: format {version} is older than {UNSEALED}; export it with the version that made it, "
            "then bring the export in with `synthdata init --inherit`"
        )
    try:
        header = Header(**data)
        # Made before long texts were read in windows: its vectors are of their beginnings, and stay so.
        if "model" in header.recipe.get("encoder", {}):
            header.recipe["encoder"].setdefault("windows", 1)
        bytes.fromhex(header.secret)
    except (TypeError, ValueError, AttributeError) as error:
        raise CorruptStoreError(f"{path}: {error}; {advice}") from error
    return header
