"""Pictures of a row on their way into the corpus, whatever the row's format: one walk over its JSON before any reader.

Taken are base64 of PNG, JPEG, GIF, WebP and BMP, in `data:` URLs or bare, anywhere; and files beside the log that a
picture's part or column names by a relative path. An address is never fetched, a link never followed, and nothing
outside the folder of the log is opened. What is taken stands as a `kept` URL from then on.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from synthdata.errors import PictureError
from synthdata.protocols import Pictures
from synthdata.records import QuarantinedRow
from synthdata.records.picture import is_name
from synthdata.sources.files import Row
from synthdata.sources.kept import kept_url
from synthdata.sources.parts import part_kind

# Keys under which pictures stand; a path under another key is text.
_NAMES = frozenset(
    ("image", "images", "image_url", "image_urls", "input_image", "image_file", "picture", "pictures", "screenshot",
     "screenshots")
)  # fmt: skip
_KINDS = frozenset(("image", "image_url", "input_image", "image_file", "image_content"))
_TYPES = ("media_type", "mime_type", "mimeType", "mediaType")
# Without one of these keys an object does not say that it is a picture.
_HINTS = frozenset(
    (*_TYPES, *_KINDS, "type", "part_kind", "block_type", "kind", "$type", "content_type", "contentType")
)
_PATH = re.compile(r"[^\n\r:\\?*\"<>|]{1,300}\.(?:png|jpe?g|gif|webp|bmp)", re.IGNORECASE)
_ALPHABET = r"[A-Za-z0-9+/_-]"
# In an address the last three signs of base64 may be escaped.
_DATA_URL = re.compile(
    rf"data:(?P<type>[\w.+-]{{1,64}}/[\w.+-]{{1,64}})?(?:;[\w=.+-]{{1,64}}){{0,4}};base64,"
    rf"(?P<payload>{_ALPHABET}*(?:%2[BF]{_ALPHABET}*)*(?:=|%3D){{0,2}})",
    re.IGNORECASE,
)
_TYPE = re.compile(r"image/(?:png|jpe?g|gif|webp|bmp)", re.IGNORECASE)
# An address whose payload stands in lines of one length, as mail programs and `base64` write it.
_IN_LINES = re.compile(
    rf"data:[^,\n]{{0,200}};base64,\s?(?:{_ALPHABET}{{60,100}}\r?\n)+{_ALPHABET}*={{0,2}}\s*", re.IGNORECASE
)
_BARE = re.compile(rf"(?<![A-Za-z0-9+/_,-])((?:iVBORw0KGgo|/9j/|R0lGOD|UklGR){_ALPHABET}{{64,}}={{0,2}})")
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"BM")
_LEAST, _DEEPEST = 64, 250


def picture_signature(data: bytes) -> bool:
    """Whether bytes begin as a picture does."""
    return data.startswith(_SIGNATURES) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


@dataclass
class Intake:
    """Takes pictures to where they are kept; `folder` is the log's, None where rows come from no file.

    `taken` and `absent` count pictures that were kept and files that rows name but that are not beside them.
    """

    pictures: Pictures
    folder: Path | None = None
    taken: int = 0
    absent: int = 0
    _problems: list[str] = field(default_factory=list)

    def row(self, row: Row) -> tuple[Row, list[str]]:
        """The row with its pictures kept, and why some of them could not be: these stay as they are."""
        self._problems = []
        value = self._value(row.value, False, 0)
        return (row if value is row.value else Row(row.file, row.line, value, row.size, row.repaired)), self._problems

    def _value(self, value: object, inside: bool, depth: int) -> object:
        """The value, the very same where nothing in it is a picture; `inside` says that it stands where pictures do."""
        if isinstance(value, str):
            return self._text(value, inside)
        if depth > _DEEPEST:
            return value
        if isinstance(value, list):
            made = [self._value(item, inside, depth + 1) for item in value]
            return made if any(new is not old for new, old in zip(made, value, strict=True)) else value
        if isinstance(value, dict):
            return self._object(value, inside, depth)
        return value

    def _object(self, value: dict[str, Any], inside: bool, depth: int) -> dict[str, Any]:
        # A plain loop that copies nothing where there is nothing: every object of every row passes here.
        if not inside and not _HINTS.isdisjoint(value):
            types = (value.get(key) for key in _TYPES)
            inside = part_kind(value) in _KINDS or any(isinstance(k, str) and k.startswith("image/") for k in types)
        made = value
        for key, item in value.items():
            within = inside or key in _NAMES
            if isinstance(item, str):
                if len(item) < _LEAST and not within:
                    continue
                new: object = self._text(item, within)
            else:
                new = self._value(item, within, depth + 1)
            if new is not item:
                made = dict(value) if made is value else made
                made[key] = new
        if is_name(value.get("picture")) and not self.pictures.has(value["picture"]):
            # A row may name what the corpus keeps, such as its own export read back, but nothing else.
            made = {key: item for key, item in made.items() if key != "picture"}
        return made

    def _text(self, text: str, inside: bool) -> str:
        if inside and len(text) < 400 and _PATH.fullmatch(text):
            return self._file(text)
        if len(text) < _LEAST:
            return text
        if ";base64," in text or ";BASE64," in text:
            if inside and "\n" in text and _IN_LINES.fullmatch(text):
                text = re.sub(r"\s", "", text)
            text = _DATA_URL.sub(lambda match: self._decoded(match[0], match["payload"], match["type"] or ""), text)
        if any(magic in text for magic in ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")):
            text = _BARE.sub(lambda match: self._decoded(match[0], match[1], ""), text)
        return text

    def _decoded(self, whole: str, payload: str, kind: str) -> str:
        plain = unquote(payload).translate({45: 43, 95: 47})
        stated = _TYPE.fullmatch(kind) is not None
        try:
            data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        except (binascii.Error, ValueError):
            if not stated:
                return whole
            self._problems.append("a picture that is no base64")
            return whole
        # Without the type of one it is a picture only where it begins as one.
        return self._kept(data, whole) if stated or picture_signature(data) else whole

    def _file(self, name: str) -> str:
        data = self._beside(name)
        if data is None:
            self.absent += 1
            return name
        return self._kept(data, name)

    def _beside(self, name: str) -> bytes | None:
        """The bytes of a file under the folder of the log; None where there is none, or where a link leads to it."""
        parts = PurePosixPath(name).parts
        if self.folder is None or not parts or any(part in ("/", "..") for part in parts) or name.startswith("~"):
            return None
        place = self.folder
        for part in parts[:-1]:
            place /= part
            if place.is_symlink():
                return None
        try:
            descriptor = os.open(place / parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (OSError, ValueError):
            return None
        with os.fdopen(descriptor, "rb") as file:
            # One byte over the bound is enough for the refusal.
            return file.read(self.pictures.max_bytes + 1) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None

    def _kept(self, data: bytes, otherwise: str) -> str:
        try:
            picture = self.pictures.put(data)
        except PictureError as error:
            self._problems.append(str(error))
            return otherwise
        self.taken += 1
        return kept_url(picture, len(data))


def runs_with_pictures(rows: Iterator[Row | QuarantinedRow], intake: Intake) -> Iterator[Row | QuarantinedRow]:
    """The rows of a log; a picture that cannot be used is a quarantined row of its own, and its run goes on."""
    for row in rows:
        if isinstance(row, QuarantinedRow):
            yield row
            continue
        taken, problems = intake.row(row)
        for problem in problems:
            yield QuarantinedRow(row.file, row.line, problem, stage="picture")
        yield taken


def samples_with_pictures(rows: Iterator[Row | QuarantinedRow], intake: Intake) -> Iterator[Row | QuarantinedRow]:
    """The rows of a data set; one with a picture that cannot be used is quarantined: it would speak of nothing."""
    for row in rows:
        if isinstance(row, QuarantinedRow):
            yield row
            continue
        taken, problems = intake.row(row)
        yield QuarantinedRow(row.file, row.line, problems[0], stage="picture") if problems else taken
