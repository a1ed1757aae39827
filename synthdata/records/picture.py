"""A picture as rows name it: by the file that the corpus keeps of it, with its size, and how it stands in a text.

In the messages of a chat it is a part of its own. In the texts of a run it is a mark, `[picture 640x480 abcdefghijkl]`,
whose letters tell which of the step's pictures stands there. What the gate reads has no letters.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

# The name of a kept file: the sha256 of its bytes, and its type.
_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg)")
_MARK = re.compile(r"\[picture (\d{1,5}x\d{1,5}) ([a-p]{12})((?:: [^\]\n]{0,300})?)\]")
_LONGEST_ALT = 300
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a corpus keeps: the name of its file, width and height in pixels, and words for it, or none.

    `name` is the sha256 of the file in hex with its ending, `.png` or `.jpg`; `alt` is one line of at most 300
    characters. `original` is the sha256 of the bytes that it was made from, empty where it is not known.
    """

    name: str
    width: int
    height: int
    alt: str = ""
    original: str = ""

    @property
    def code(self) -> str:
        """Twelve letters that tell it from other pictures of a text; of the original, so that no encoder changes it."""
        return code_of(self.original or self.name)

    @property
    def shown(self) -> str:
        """How it reads in a text: `[picture 640x480]`, with its words where it has any."""
        return f"[picture {self.width}x{self.height}{self.alt and f': {self.alt}'}]"

    @property
    def mark(self) -> str:
        """The same with the letters by which it is found again."""
        return f"[picture {self.width}x{self.height} {self.code}{self.alt and f': {self.alt}'}]"

    def part(self) -> dict[str, Any]:
        """The part of a message's content that stands for it; `picture_of` reads it back."""
        alt = {"alt": self.alt} if self.alt else {}
        return {"type": "image", "picture": self.name, "width": self.width, "height": self.height} | alt


def code_of(sha256: str) -> str:
    """Twelve letters for a hash in hex: digits could be taken for somebody's number."""
    return sha256[:12].translate(_LETTERS)


def alt_of(text: object) -> str:
    """A text as the words of a picture: one line without brackets, at most 300 characters; empty for anything else."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split()) if isinstance(text, str) else ""
    return line[:_LONGEST_ALT].rstrip()


def picture_of(part: object) -> Picture | None:
    """The picture that a part of a message's content stands for; None of any other part."""
    if not isinstance(part, dict) or not is_name(part.get("picture")):
        return None
    width, height, alt = part.get("width"), part.get("height"), part.get("alt", "")
    if not (isinstance(width, int) and isinstance(height, int) and isinstance(alt, str)):
        return None
    return Picture(part["picture"], width, height, alt)


def pictures_in(content: object) -> Iterator[Picture]:
    """The pictures of a message's content, in their order."""
    for part in content if isinstance(content, list) else ():
        picture = picture_of(part)
        if picture is not None:
            yield picture


def is_name(value: object) -> bool:
    """Whether a value is the name of a kept file."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def without_codes(text: str) -> str:
    """A text whose marks read as the gate reads them."""
    return _MARK.sub(r"[picture \1\3]", text) if "[picture " in text else text


def cut_at_marks(text: str, codes: Container[str]) -> list[tuple[str, str]]:
    """A text cut at its marks of these letters: what stands before each with the letters, then the rest with none."""
    pieces, end = [], 0
    for mark in _MARK.finditer(text) if "[picture " in text else ():
        if mark[2] in codes:
            pieces.append((text[end : mark.start()], mark[2]))
            end = mark.end()
    return [*pieces, (text[end:], "")]
