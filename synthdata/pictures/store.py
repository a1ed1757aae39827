"""Pictures by their content: `<2>/<sha256>.png`, each written once, whole, and never changed.

Putting needs no lock: the name says what is in the file, and it appears by a rename. So a picture is there before any
row names it; one that no row ever names does no harm, and `sweep` removes it when it is old enough.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from synthdata.errors import CorruptStoreError, InputError
from synthdata.io.files import atomic_write, sweep_temporaries
from synthdata.pictures.encode import PictureBounds, decode, encode
from synthdata.records.picture import Picture, is_name

_DEFAULT = PictureBounds()


class PictureStore:
    """A folder of pictures. `known` remembers which file became of which bytes, and may be lost.

    What was encoded once stays the same file, whatever version of the encoder comes later: rows that name it keep their
    identity, and a picture that comes again costs a hash.
    """

    def __init__(self, folder: Path, known: Path, bounds: PictureBounds = _DEFAULT) -> None:
        self.folder, self._known, self._bounds = folder, known, bounds

    @property
    def max_bytes(self) -> int:
        """The most bytes of a picture's file."""
        return self._bounds.max_bytes

    def put(self, data: bytes) -> Picture:
        """Keep a picture; the same bytes and the same pixels are kept once.

        Raises:
            PictureError: it is damaged, too large, or none.
            InputError: the folder cannot be written.
        """
        original = hashlib.sha256(data).hexdigest()
        note = self._known / original[:2] / f"{original}.json"
        before = self._read(note, original)
        if before is not None:
            return before
        made = encode(data, self._bounds)
        name = f"{hashlib.sha256(made.data).hexdigest()}.{made.ending}"
        picture = Picture(name, made.width, made.height, original=original)
        try:
            self._write(self.path(name), made.data)
            self._write(note, json.dumps({"name": name, "width": made.width, "height": made.height}).encode())
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written ({error.strerror or error})") from error
        return picture

    @property
    def words_folder(self) -> Path:
        """Where it is noted what pictures show as text; may be lost as well."""
        return self._known.with_name("words")

    def has(self, name: str) -> bool:
        """Whether the picture of that name is here."""
        return is_name(name) and self.path(name).is_file()

    def path(self, name: str) -> Path:
        """Where the picture of that name belongs.

        Raises:
            InputError: no name of a picture.
        """
        if not is_name(name):
            raise InputError(f"{name!r:.80} is no name of a picture: a sha256 in hex with .png or .jpg")
        return self.folder / name[:2] / name

    def read(self, name: str) -> bytes:
        """The file of a picture.

        Raises:
            CorruptStoreError: it is missing, or not what its name says.
        """
        try:
            data = self.path(name).read_bytes()
        except OSError as error:
            raise CorruptStoreError(
                f"{self.path(name)}: {error.strerror or error}; restore it from a backup"
            ) from error
        if hashlib.sha256(data).hexdigest() != name[:64]:
            raise CorruptStoreError(f"{self.path(name)}: is not what its name says; restore it from a backup")
        return data

    def names(self) -> Iterator[str]:
        """The names of all pictures that are here, sorted."""
        yield from sorted(path.name for path in self.folder.glob("??/*") if is_name(path.name))

    def other_files(self) -> Iterator[Path]:
        """Files that are no pictures of this store: of another name, in another place."""
        for path in sorted(self.folder.rglob("*")):
            hidden = path.name.startswith(".")
            if path.is_file() and not hidden and not (is_name(path.name) and path == self.path(path.name)):
                yield path

    def sound(self, name: str) -> bool:
        """Whether the file holds what its name says."""
        with self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == name[:64]

    def sweep(self, named: AbstractSet[str], keep_hours: int) -> list[str]:
        """Remove pictures that no row names and that were not put within `keep_hours`; their names.

        The caller holds the writer lock. A round that is being made puts its pictures first: the hours are for it.
        """
        sweep_temporaries(self.folder)
        before = time.time() - 3600 * keep_hours
        gone = [n for n in self.names() if n not in named and self.path(n).stat().st_mtime <= before]
        for name in gone:
            self.path(name).unlink()
        return gone

    def _read(self, note: Path, original: str) -> Picture | None:
        try:
            facts = json.loads(note.read_text(encoding="utf-8"))
            picture = Picture(str(facts["name"]), int(facts["width"]), int(facts["height"]), original=original)
            # Touched: a sweep must not take what a round is about to name.
            os.utime(self.path(picture.name))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, InputError):
            # Lost or damaged: it is only a note, and the picture is made again.
            return None
        return picture

    def _write(self, path: Path, data: bytes) -> None:
        if path.is_file() and path.stat().st_size == len(data):
            os.utime(path)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(path, data, mode=0o600)


class PassingPictures(PictureStore):
    """Pictures that are kept no longer than this object, for verbs that read their words and write nothing."""

    def __init__(self, bounds: PictureBounds = _DEFAULT) -> None:
        folder = Path(tempfile.mkdtemp(prefix="synthdata-pictures-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        super().__init__(folder / "blobs", folder / "known", bounds)


class UnkeptPictures:
    """Pictures that are looked at and not kept, where nothing is written: `inspect`, a list of texts."""

    def __init__(self, bounds: PictureBounds = _DEFAULT) -> None:
        self._bounds = bounds

    @property
    def max_bytes(self) -> int:
        """The most bytes of a picture's file."""
        return self._bounds.max_bytes

    def put(self, data: bytes) -> Picture:
        """The picture under a name that says nothing of a file: of its bytes as they came.

        Raises:
            PictureError: it is damaged, too large, or none.
        """
        original = hashlib.sha256(data).hexdigest()
        return Picture(f"{original}.png", *decode(data, self._bounds)[0].size, original=original)

    def has(self, name: str) -> bool:
        """No: nothing is kept."""
        return False
