"""Images, sounds and files in a log: a placeholder in the text, type, size and hash in the record, never the bytes.

A picture that `intake` has kept has a mark in the text, by which it is found again, and its file's name in the record.

What counts: a content part that says that it is one, a `data:` URL anywhere in a text, and a long run of base64 that
begins as PNG, JPEG, GIF, WebP, WAV, PDF, zip and gzip do. A link stays as it is: it is text.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Any

from synthdata.records import Media
from synthdata.records.picture import Picture, alt_of
from synthdata.sources.kept import kept_picture

# The shortest base64 that is taken for a file where nothing but its beginning says so.
_LEAST = 64
_ALPHABET = r"[A-Za-z0-9+/_-]"
_DATA_URL = re.compile(
    rf"data:([\w.+-]{{1,64}}/[\w.+-]{{1,64}})?(?:;[\w=.+-]{{1,64}}){{0,4}};base64,({_ALPHABET}*={{0,2}})"
)
_MAGIC = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi0": "application/pdf",
    "UEsDBB": "application/zip",
    "H4sIA": "application/gzip",
}
_BARE = re.compile(rf"(?<!{_ALPHABET})({'|'.join(map(re.escape, _MAGIC))}){_ALPHABET}{{{_LEAST},}}={{0,2}}")
_TYPES = ("media_type", "mimeType", "mime_type", "mediaType", "contentType", "content_type", "MimeType")
_BYTES = ("data", "bytes", "base64", "b64_json", "file_data", "image", "audio", "video", "content", "Data")
# A path or an address has dots or colons; the shortest file that is worth the name has more than a word.
_BASE64 = re.compile(rf"{_ALPHABET}{{24,}}={{0,2}}")
_LINKS = ("url", "uri", "image_url", "fileUri", "file_uri", "file_id", "fileId", "path", "image", "audio", "video")
_ALTS = ("alt", "alt_text", "altText", "caption", "description")
_MODALITIES = ("image", "audio", "video", "document", "file")


def placeholder(media: Media, alt: str = "") -> str:
    """What stands in the text: `[image/png, 1234 bytes, sha256 0123456789abcdef]`, or the mark of a kept picture."""
    if media.picture:
        return Picture(media.picture, media.width, media.height, alt, media.sha256).mark
    return f"[{media.media_type}, {media.size} bytes, sha256 {media.sha256[:16]}]"


def without_files(text: str, media: list[Media]) -> str:
    """The text with every `data:` URL and bare file in base64 replaced; what was replaced is added to `media`."""
    if len(text) < _LEAST:
        return text
    if ";base64," in text:
        text = _DATA_URL.sub(lambda match: _replaced(match[1] or "", match[2], media), text)
    if _begins_file(text):
        text = _BARE.sub(lambda match: _replaced(_MAGIC[match[1]], match[0], media), text)
    return text


def _begins_file(text: str) -> bool:
    # A plain loop: every text of every log passes here.
    for magic in _MAGIC:  # noqa: SIM110
        if magic in text:
            return True
    return False


def file_text(part: dict[str, Any], media: list[Media]) -> str:
    """What a part that is an image, a sound or a file leaves in the text; its bytes, if it holds any, go to `media`."""
    name = _first_text(part, ("filename", "file_name", "name", "title"))
    payload, media_type = _payload(part)
    if payload:
        alt = next((alt for key in _ALTS if (alt := alt_of(part.get(key)))), "")
        shown = _replaced(media_type, payload, media, alt)
    else:
        link = _first_text(part, _LINKS)
        kind = media_type or str(part.get("modality") or part.get("type") or "file")
        shown = f"[{kind}: {link}]" if link else f"[{kind}]"
    return f"{name} {shown}" if name and name not in shown else shown


def _replaced(media_type: str, payload: str, files: list[Media], alt: str = "") -> str:
    kept = kept_picture(payload)
    if kept is None:
        media = Media(media_type or _guess(payload), *_facts(payload))
    else:
        picture, size = kept
        media = Media(media_type, size, picture.original, picture.name, picture.width, picture.height)
    files.append(media)
    return placeholder(media, alt)


def _facts(payload: str) -> tuple[int, str]:
    """Size and hash of the bytes; of the text itself where it is no base64."""
    plain = payload.translate({45: 43, 95: 47})
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raw = payload.encode("utf-8", "surrogatepass")
    return len(raw), hashlib.sha256(raw).hexdigest()


def _guess(payload: str) -> str:
    return next((kind for magic, kind in _MAGIC.items() if payload.startswith(magic)), "application/octet-stream")


def _payload(part: dict[str, Any]) -> tuple[str, str]:
    """The base64 of a part, at most three levels down, with its media type as far as the part says it."""
    kind = next((name for name in _MODALITIES if isinstance(part.get(name), dict | str)), "file")
    media_type = ""
    for key, value, named in _leaves(part, "", kind, 3):
        media_type = media_type or named
        match = _DATA_URL.match(value) if value.startswith("data:") else None
        if match:
            return match[2], match[1] or named
        if key in _BYTES and _BASE64.fullmatch(value):
            return value, named
    return "", media_type


def _leaves(node: dict[str, Any], outer: str, kind: str, depth: int) -> Iterator[tuple[str, str, str]]:
    """The texts in a part, each with its key and the media type that the nearest object around it names."""
    named = _own_text(node, _TYPES) or outer
    form = node.get("format")
    if not named and isinstance(form, str) and form:
        named = form if "/" in form else f"{kind}/{form}"
    for key, value in node.items():
        if isinstance(value, str):
            yield key, value, named
        elif isinstance(value, dict) and depth:
            yield from _leaves(value, named, kind, depth - 1)


def _own_text(node: dict[str, Any], keys: tuple[str, ...]) -> str:
    return next((node[key] for key in keys if isinstance(node.get(key), str)), "")


def _first_text(part: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The first text under one of the keys, in the part itself or one level below."""
    inner = (_own_text(value, keys) for value in part.values() if isinstance(value, dict))
    return _own_text(part, keys) or next(filter(None, inner), "")
