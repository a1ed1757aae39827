"""manifest.json: what was written, from which corpus, under which recipe; no time, so that equal exports are equal."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthdata.corpus import CorpusStore
from synthdata.corpus.digest import digest
from synthdata.io.files import parsed_json

MANIFEST = "manifest.json"
MADE_BY = "synthdata-gate"
# Of the rows written: diversity, rows by kind and split, real share by container, the release, what was asked for.
# What a dialect could not hold, what was left out of all, rows longer than the configs read, and pictures.
_WRITTEN = (
    "written", "kinds", "real_share_written", "release", "notes", "wanted", "seed", "unheld", "left_out", "over_length",
    "pictures", "answers_first", "odd_turns",
)  # fmt: skip
LIBRARIES = ("synthdata-gate", "polars", "deltalake", "datasketch", "sentence-transformers", "numpy")


def is_export(folder: Path) -> bool:
    """Whether the folder is an export of this project, as far as its manifest says."""
    try:
        content = parsed_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("made_by") == MADE_BY


def write_manifest(
    folder: Path,
    store: CorpusStore,
    facts: Mapping[str, Any],
    files: Mapping[str, int],
    *,
    sources: list[dict[str, Any]],
    floor: str,
    as_of: int | None,
) -> None:
    """Write the manifest of a finished folder; call it last, since it holds the hash of every other file."""
    rounds = store.rounds(as_of)
    # The version of the last exported round, not the newest one: an old round is exported alike whenever it is asked.
    version = int(rounds["version"][-1])
    content = {
        "format": 2,
        "made_by": MADE_BY,
        "files": {name: {"sha256": sha, "rows": files.get(name)} for name, sha in file_hashes(folder).items()},
        "corpus": {"round": facts["round"], "version": version, "digest": digest(store, as_of)},
        "recipes": sorted(set(rounds["recipe"])),
        "anchor": facts["anchor"],
        "floor": floor,
        "judged": facts["judged"],
        "sources": sources,
        "redacted": facts["redacted"],
        "counts": {name: facts[name] for name in ("candidates", "admitted", "in_corpus", "rejected", "quarantined")},
        "real_share": facts["real_share"],
        "metrics": facts["metrics"],
        **{name: facts[name] for name in _WRITTEN},
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    text = json.dumps(_finite(content), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def file_hashes(folder: Path) -> dict[str, str]:
    """The sha256 of every file in the folder, by its path in it."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in paths}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON in, JSON out
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
