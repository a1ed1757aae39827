"""Files that can be made again from the tables: one folder a version of the decisions table, older ones swept.

Only names and removal; what is in the files belongs to those who make them.
"""

from __future__ import annotations

import shutil
from pathlib import Path


def derived_path(root: Path, version: int, name: str) -> Path:
    """`root/<version>/<name>`; the folder is made."""
    folder = root / f"{version:08}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def sweep(root: Path, version: int) -> list[Path]:
    """Remove the folders of other versions if this version's holds a file; what was removed.

    Publish first, sweep after: without a current file the old one stays, since it is still the best start.
    """
    current = root / f"{version:08}"
    if not current.is_dir() or not any(current.iterdir()):
        return []
    stale = sorted(folder for folder in root.iterdir() if folder.is_dir() and folder != current)
    for folder in stale:
        shutil.rmtree(folder)
    return stale
