"""Files that can be made again from the tables: one folder a version of the decisions table, older ones swept.

Only names and removal; what is in the files belongs to those who make them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from synthdata.io.files import sync_path, temporary_beside


def derived_path(root: Path, version: int, name: str) -> Path:
    """`root/<version>/<name>`; the folder is made."""
    folder = root / f"{version:08}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def publish(root: Path, version: int, name: str, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a folder that becomes `root/<version>/<name>` with all its files, or not at all.

    Who comes second loses nothing: both were made from the same tables, and the first one stays.
    """
    final = derived_path(root, version, name)
    part = temporary_beside(final)
    if part.exists():
        shutil.rmtree(part)
    part.mkdir()
    try:
        write(part)
        for path in (*part.iterdir(), part):
            sync_path(path)
        if not final.exists():
            with suppress(OSError):
                # Another process has put its own there in between.
                os.rename(part, final)
        sync_path(final.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return final


def sweep(root: Path, version: int) -> list[Path]:
    """Remove the folders of other versions if this version's holds a file; what was removed.

    Publish first, sweep after: without a current file the old one stays, since it is still the best start.
    """
    current = root / f"{version:08}"
    if not current.is_dir() or all(path.name.startswith(".") for path in current.iterdir()):
        return []
    stale = sorted(
        folder for folder in root.iterdir() if folder.is_dir() and folder.name.isdigit() and folder != current
    )
    for folder in stale:
        shutil.rmtree(folder)
    return stale
