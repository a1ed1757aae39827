"""The folder of an export: made under a temporary name beside its place, which it takes whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthdata.corpus.beginning import refuse_no_place
from synthdata.errors import InputError
from synthdata.export.manifest import is_export
from synthdata.io.files import refuse_undecodable, sync_path


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """An empty folder beside `out` to build in; it is gone again where the block fails.

    Raises:
        InputError: `out` cannot be made or written, or holds something that is not an earlier export.
    """
    refuse_undecodable(out)
    refuse_no_place(out)
    # A manifest.json alone proves nothing: other tools write files of that name, and what is here would be deleted.
    if out.is_dir() and any(out.iterdir()) and not is_export(out):
        raise InputError(f"{out}: is not empty and not an earlier export; name another folder")
    out = _followed(out)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def take_place(part: Path, out: Path) -> None:
    """Put the finished folder in its place, instead of an earlier export."""
    for path in sorted(part.rglob("*")):
        sync_path(path)
    out = _followed(out)
    old = out.with_name(f".{out.name}.old")
    if old.is_symlink():
        # As versions left it that took the link for the folder.
        old.unlink()
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    part.rename(out)
    sync_path(out.parent)
    shutil.rmtree(old, ignore_errors=True)


def _followed(out: Path) -> Path:
    # A link to a folder on another disk stays a link, and its folder is what is replaced.
    return Path(os.path.realpath(out)) if out.is_symlink() else out
