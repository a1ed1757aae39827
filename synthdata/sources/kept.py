"""How a kept picture stands in a row between being kept and being read: as a `data:` URL that no file can forge.

Readers know `data:` URLs in all places where pictures stand. This one holds no bytes, but a secret of this process and
the facts of the picture; `media` makes a mark of it in the texts of runs, `picture_parts` a part in chats.
"""

from __future__ import annotations

import re
import secrets

from synthdata.records.picture import Picture

_SECRET = secrets.token_hex(16)
_PAYLOAD = re.compile(rf"{_SECRET}_(\d{{1,12}})_(\d{{1,6}})_(\d{{1,6}})_([0-9a-f]{{64}})_([0-9a-f]{{64}})_(png|jpg)")
_SHORTEST = 6
_REST = re.compile(rf"{_SECRET[:_SHORTEST]}[0-9a-z_]*")
_TYPES = {"png": "image/png", "jpg": "image/jpeg"}
_URL = re.compile(rf"data:image/[a-z]{{3,4}};base64,({_PAYLOAD.pattern})")


def kept_url(picture: Picture, size: int) -> str:
    """The URL of a kept picture that was made from `size` bytes."""
    sha256, _, ending = picture.name.partition(".")
    facts = f"{_SECRET}_{size}_{picture.width}_{picture.height}_{picture.original}_{sha256}_{ending}"
    return f"data:{_TYPES[ending]};base64,{facts}"


def kept_picture(payload: str) -> tuple[Picture, int] | None:
    """The picture, and the size of what it was made from, that stands behind the comma of such a URL."""
    match = _PAYLOAD.fullmatch(payload)
    if match is None:
        return None
    size, width, height, original, sha256, ending = match.groups()
    return Picture(f"{sha256}.{ending}", int(width), int(height), original=original), int(size)


def holds_kept(text: str) -> bool:
    """Whether such a URL stands anywhere in a text."""
    return _SECRET in text


def cut_at_kept(text: str) -> list[str | Picture]:
    """A text cut at such URLs: its pieces and the pictures, in their order; empty pieces are left out."""
    pieces: list[str | Picture] = []
    end = 0
    for match in _URL.finditer(text):
        kept = kept_picture(match[1])
        assert kept is not None
        pieces += [text[end : match.start()], kept[0]]
        end = match.end()
    return [piece for piece in (*pieces, text[end:]) if piece != ""]


def shown_text(text: str) -> str:
    """A text in which such URLs read as the gate reads pictures; no picture is kept of them."""
    if not holds_kept(text):
        return text
    return "".join(piece if isinstance(piece, str) else piece.shown for piece in cut_at_kept(text))


def shown_value(value: object) -> object:
    """A JSON value with `shown_text` applied to every text in it; the very same where none holds such a URL."""
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, dict):
        made = {key: shown_value(item) for key, item in value.items()}
        return made if any(made[key] is not item for key, item in value.items()) else value
    if isinstance(value, list):
        items = [shown_value(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def told_text(text: str) -> str:
    """The same for a text that may be cut off anywhere, such as a message: nothing of the secret is left in it."""
    text = shown_text(text)
    return _REST.sub("", text) if _SECRET[:_SHORTEST] in text else text
