"""A cache of vectors by content, in front of an encoder of texts or pictures. It is never wrong to lose it.

One SQLite file for each fingerprint: a transaction a batch, so that a kill loses at most the batch under way, and any
number of processes may read and write at once. What cannot be read, or fails its checksum, is a miss and is made again.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from synthdata.errors import CacheError, EndpointError
from synthdata.protocols import Advance, Encoder, Illiterate, ImageEncoder, Mapper, Vectors
from synthdata.records import content_hash

Content = TypeVar("Content")
_BATCH = 256
# An endpoint may take a second for each picture.
_PICTURES = 16
# A vector of another length than this beside 1 is no unit vector.
_ROUNDING = 1e-3
_ASK = 500
_HEARD = 64
_BUSY_SECONDS = 60.0


class CachedEncoder:
    """An encoder that asks `inner` only for texts it has not seen; `fingerprint` and `dim` are the inner one's.

    Within a call each distinct text is encoded once. New vectors are stored a batch of 256 at a time, so an interrupted
    call resumes where it was.
    """

    def __init__(self, inner: Encoder, folder: Path | str) -> None:
        self._inner = inner
        self.fingerprint = inner.fingerprint
        self.dim = inner.dim
        self._file = VectorFile(folder, inner.fingerprint, inner.dim)
        self.path = self._file.path

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As the inner encoder's; whether a vector came from the file cannot be told from the answer."""
        keys = [_key(text) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        stored = self._file.vectors(by_key, self._inner.encode)
        if not keys:
            return np.empty((0, self.dim), dtype=np.float32)
        return np.stack([stored[key] for key in keys])

    def fill(
        self, texts: Sequence[str], make: Callable[[list[str]], Vectors], mapper: Mapper, at_once: int = _BATCH
    ) -> None:
        """Let a mapper make the vectors that are not stored yet, `at_once` a part; each part is kept as it comes.

        `make` gives what the inner encoder would.
        """
        by_key = {_key(text): text for text in texts}
        stored = self._file.read(list(by_key))
        missing = [key for key in by_key if key not in stored]
        parts = [missing[start : start + at_once] for start in range(0, len(missing), at_once)]
        done = mapper(make, [[by_key[key] for key in part] for part in parts])
        for part, made in zip(parts, done, strict=True):
            self._file.write(dict(zip(part, np.asarray(made, dtype=np.float32), strict=True)))

    def unread(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """What of each text the inner encoder cannot read."""
        return unread(self._inner, texts)


class CachedImageEncoder:
    """An encoder of pictures that asks `inner` only for those it has not seen, and takes no vectors but whole ones.

    Within a call each distinct picture is encoded once. New vectors are stored 16 at a time.
    """

    def __init__(self, inner: ImageEncoder, folder: Path | str) -> None:
        self._inner = inner
        self.fingerprint = inner.fingerprint
        self.dim = inner.dim
        self._file = VectorFile(folder, inner.fingerprint, inner.dim)

    def encode(self, pictures: Sequence[bytes]) -> Vectors:
        """As the inner encoder's; whether a vector came from the file cannot be told from the answer.

        Raises:
            EndpointError: the inner encoder's vectors are of another number, width or length.
        """
        keys = [hashlib.sha256(picture).digest() for picture in pictures]
        stored = self._file.vectors(dict(zip(keys, pictures, strict=True)), self._made, _PICTURES)
        return np.stack([stored[key] for key in keys]) if keys else np.empty((0, self.dim), dtype=np.float32)

    def _made(self, pictures: list[bytes]) -> Vectors:
        made = np.asarray(self._inner.encode(pictures), dtype=np.float32)
        if made.shape != (len(pictures), self.dim):
            raise EndpointError(
                f"{self.fingerprint}: asked for {len(pictures)} vectors of {self.dim} numbers, got {made.shape}"
            )
        # Not a number is unlike everything, so it fails here too.
        if not (np.abs(np.linalg.norm(made, axis=1) - 1) < _ROUNDING).all():
            raise EndpointError(f"{self.fingerprint}: gave vectors that are not of length 1; scale them")
        return made


class VectorFile:
    """The file of one encoder's vectors, by sha256 of what each was made of; `path` says where."""

    def __init__(self, folder: Path | str, fingerprint: str, dim: int) -> None:
        self.dim = dim
        self.path = Path(folder) / f"vectors-{content_hash(fingerprint, str(dim), length=16)}.sqlite"

    def vectors(
        self, contents: Mapping[bytes, Content], make: Callable[[list[Content]], Vectors], at_once: int = _BATCH
    ) -> dict[bytes, Vectors]:
        """The vector of each content by key; those that are not stored are made and kept `at_once` at a time."""
        stored = self.read(list(contents))
        missing = [key for key in contents if key not in stored]
        for start in range(0, len(missing), at_once):
            batch = missing[start : start + at_once]
            made = make([contents[key] for key in batch])
            fresh = dict(zip(batch, np.asarray(made, dtype=np.float32), strict=True))
            self.write(fresh)
            stored.update(fresh)
        return stored

    def read(self, keys: list[bytes]) -> dict[bytes, Vectors]:
        """Those vectors that are stored and sound, by key."""
        stored: dict[bytes, Vectors] = {}
        try:
            with self._open() as db:
                for start in range(0, len(keys), _ASK):
                    part = keys[start : start + _ASK]
                    marks = ",".join("?" * len(part))
                    rows = db.execute(f"SELECT key, crc, vector FROM vectors WHERE key IN ({marks})", part)
                    stored.update((key, self._vector(data)) for key, crc, data in rows if self._sound(key, crc, data))
        except sqlite3.OperationalError as error:
            raise self._refused(error) from error
        except sqlite3.DatabaseError:
            self._set_aside()
        return stored

    def write(self, fresh: Mapping[bytes, Vectors]) -> None:
        """Keep vectors by key, in one transaction."""
        rows = [(key, _checksum(key, data), data) for key, data in ((k, v.tobytes()) for k, v in fresh.items())]
        try:
            self._insert(rows)
        except sqlite3.OperationalError as error:
            raise self._refused(error) from error
        except sqlite3.DatabaseError:
            self._set_aside()
            self._insert(rows)

    def _insert(self, rows: list[tuple[bytes, int, bytes]]) -> None:
        with self._open() as db, db:
            db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection a call: it opens in under a millisecond, and connections must not cross threads or forks.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as db:
            with suppress(sqlite3.OperationalError):
                # SQLite does not wait while another connection changes the mode of a new file; either mode will do.
                db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, crc INTEGER, vector BLOB) WITHOUT ROWID"
            )
            yield db

    def _refused(self, error: sqlite3.OperationalError) -> CacheError:
        return CacheError(
            f"{self.path}: the cache of vectors cannot be used: {error}; make room for it, wait for its other user, or "
            "remove it"
        )

    def _set_aside(self) -> None:
        """A file that is no database is kept under another name, for whoever wants to know, and begun anew."""
        with suppress(FileNotFoundError):
            # Missing means that another process has just done the same.
            os.replace(self.path, self.path.with_suffix(".corrupt"))
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _sound(self, key: object, crc: object, data: object) -> bool:
        if not isinstance(key, bytes) or not isinstance(data, bytes) or len(data) != 4 * self.dim:
            return False
        return crc == _checksum(key, data)

    def _vector(self, data: bytes) -> Vectors:
        return np.frombuffer(data, dtype=np.float32)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _checksum(key: bytes, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(key))


def unread(encoder: Encoder, texts: Sequence[str]) -> list[tuple[float, str]]:
    """Of each text the share of its letters that an encoder cannot read, and their language; nothing where it can."""
    return encoder.unread(texts) if isinstance(encoder, Illiterate) else [(0, "")] * len(texts)


def encode_with_progress(encoder: Encoder, texts: Sequence[str], progress: Advance) -> Vectors:
    """`encoder.encode(texts)`, each distinct text once; `progress` hears of rows done, 64 distinct texts at a time."""
    rows = Counter(texts)
    distinct = list(rows)
    vectors = np.zeros((len(distinct), encoder.dim), dtype=np.float32)
    for start in range(0, len(distinct), _HEARD):
        part = distinct[start : start + _HEARD]
        vectors[start : start + len(part)] = encoder.encode(part)
        progress(sum(rows[text] for text in part))
    position = {text: i for i, text in enumerate(distinct)}
    return vectors[[position[text] for text in texts]]
