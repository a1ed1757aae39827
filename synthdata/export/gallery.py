"""The pictures that leave with an export: each once as a file in `images/`, and its bytes in the rows that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from synthdata.export.kinds import Kind
from synthdata.export.pictures import FOLDER
from synthdata.pictures.encode import size_of
from synthdata.pictures.store import PictureStore


class Gallery:
    """What leaves of a corpus' pictures. `worded` counts by kind pictures of rows that left as words.

    With `exported` False none leaves at all: the export is for models that read texts.
    """

    def __init__(self, picture_store: PictureStore, folder: Path, exported: bool) -> None:
        self.picture_store, self.exported = picture_store, exported
        self.worded: Counter[Kind] = Counter()
        self._folder = folder / FOLDER
        self._sizes: dict[str, dict[str, int]] = {}
        self._shown: Counter[Kind] = Counter()

    def check(self, names: Iterable[str]) -> None:
        """Refuse pictures that cannot leave, before anything is written.

        Raises:
            CorruptStoreError: one is missing, or not what its name says.
        """
        for name in sorted(names) if self.exported else ():
            self.picture_store.read(name)

    def cells(self, kind: Kind, names: Sequence[str]) -> list[dict[str, Any]]:
        """The pictures as `datasets` keeps them: bytes, and the name of the file.

        Raises:
            CorruptStoreError: one is missing, or not what its name says.
        """
        self._shown[kind] += len(names)
        return [{"bytes": self._put(name), "path": name} for name in names]

    def facts(self) -> dict[str, Any]:
        """For the manifest: how many rows show them, files and bytes, the size of each, and what left as words."""
        return {
            "files": len(self._sizes),
            "bytes": sum(size["bytes"] for size in self._sizes.values()),
            "shown": dict(sorted(self._shown.items())),
            "as_words": dict(sorted(self.worded.items())),
            "sizes": dict(sorted(self._sizes.items())),
        }

    def _put(self, name: str) -> bytes:
        data = self.picture_store.read(name)
        if name not in self._sizes:
            self._folder.mkdir(exist_ok=True)
            (self._folder / name).write_bytes(data)
            width, height = size_of(data)
            self._sizes[name] = {"width": width, "height": height, "bytes": len(data)}
        return data


def paths(names: Sequence[str]) -> list[str]:
    """Where the pictures lie, relative to the export."""
    return [f"{FOLDER}/{name}" for name in names]
