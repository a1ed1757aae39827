"""A picture as rows name it: by the file that the corpus keeps of it, with its size, and how it stands in a text.

In the messages of a chat it is a part of its own. In the texts of a run it is a mark, `[picture 640x480 abcdefghijkl]`,
whose letters tell which of the step's pictures stands there. What the gate reads has no letters.

Words for it come from the log, or are read off its pixels (`pictures/words.py`): then there are more of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

# The name of a kept file: the sha256 of its bytes, and its type.
_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg)")
# Words have no brackets of their own; redaction puts its placeholders into them, brackets and all.
_WORDS = r"(?:: (?:[^\[\]\n]|\[[A-Z_]{1,40}\d{0,9}\]){0,4000})?"
_MARK = re.compile(rf"\[picture (\d{{1,5}}x\d{{1,5}}) ([a-p]{{12}})({_WORDS})\]")
_LONGEST_ALT, LONGEST_READ = 300, 1000
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a corpus keeps: the name of its file, width and height in pixels, and words for it, or none.

    `name` is the sha256 of the file in hex with its ending, `.png` or `.jpg`; `alt` is one line of at most 300
    characters, of at most 1,000 where it was read off the pixels. `original` is the sha256 of the bytes that the
    picture was made from, empty where it is not known.
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


def alt_of(text: object, longest: int = _LONGEST_ALT) -> str:
    """A text as the words of a picture: one line without brackets, at most 300 characters; empty for anything else."""
    line = " ".join(text.replace("[", "(").replace("]", ")").split()) if isinstance(text, str) else ""
    return line[:longest].rstrip()


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


def without_codes(text: str, codes: Container[str] | None = None) -> str:
    """A text whose marks read as the gate reads them; with `codes` those of these letters alone."""
    if "[picture " not in text:
        return text
    if codes is None:
        return _MARK.sub(r"[picture \1\3]", text)
    return _MARK.sub(lambda mark: f"[picture {mark[1]}{mark[3]}]" if mark[2] in codes else mark[0], text)


def without_marks(text: str) -> str:
    """What a text says beside its pictures."""
    return _MARK.sub(" ", text) if "[picture " in text else text


def with_words(text: str, words: Callable[[str], str]) -> str:
    """A text whose marks without words have those that `words` gives for their letters, if any."""

    def put(mark: re.Match[str]) -> str:
        said = "" if mark[3] else words(mark[2])
        return f"[picture {mark[1]} {mark[2]}: {said}]" if said else mark[0]

    return _MARK.sub(put, text) if "[picture " in text else text


def cut_at_marks(text: str, codes: Container[str]) -> list[tuple[str, str]]:
    """A text cut at its marks of these letters: what stands before each with the letters, then the rest with none."""
    pieces, end = [], 0
    for mark in _MARK.finditer(text) if "[picture " in text else ():
        if mark[2] in codes:
            pieces.append((text[end : mark.start()], mark[2]))
            end = mark.end()
    return [*pieces, (text[end:], "")]
