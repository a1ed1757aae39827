"""Pictures that do not leave, since the words in them show what no text may: nothing can be taken out of pixels.

The scanners are those of texts (text/redaction.py). What is read off a picture has mistakes: docs/export.md says which.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from synthdata.pictures.words import PictureWords
from synthdata.protocols import Redactor
from synthdata.text.broken_keys import alike_mended, has_broken_key
from synthdata.text.redaction import SECRET, Pseudonyms
from synthdata.text.secrets import secret_spans

SHOWS_SECRET, SHOWS_PERSON = "secrets", "personal data"


class PictureScan:
    """Looks at what pictures show; `keep` says that personal data may leave. Remembers why each was withheld."""

    def __init__(self, words: PictureWords, keep: bool, redactors: Sequence[Redactor]) -> None:
        self._words, self._keep, self._redactors = words, keep, tuple(redactors)
        self._texts: dict[str, str] = {}
        self.withheld: dict[str, str] = {}

    def look(self, name: str) -> None:
        """Withhold the picture of that name where its own words say so."""
        lines = "\n".join(line.text for line in self._words.lines(name))
        text = alike_mended(unicodedata.normalize("NFKC", lines))
        self._texts[name] = text
        if has_broken_key(text):
            self.withheld[name] = SHOWS_SECRET
        self._hold(name, Pseudonyms.of([text], self._redactors))
        # On a screen a password stands under the word that says so; in a text it would not be looked for there.
        if secret_spans(text.replace("\n", " ")):
            self.withheld[name] = SHOWS_SECRET

    def compare(self, names: Iterable[str], known: Iterable[Pseudonyms]) -> None:
        """Withhold those that show what is known to be secret or personal from the texts around them.

        Only those that were looked at: no other picture can leave.
        """
        for name in self._texts.keys() & set(names):
            for one in known:
                self._hold(name, one)

    def _hold(self, name: str, known: Pseudonyms) -> None:
        _, kinds = known.redact(self._texts[name])
        if kinds[SECRET]:
            self.withheld[name] = SHOWS_SECRET
        elif kinds and not self._keep:
            self.withheld.setdefault(name, SHOWS_PERSON)
