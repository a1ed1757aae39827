"""A second scanner for secrets: Kingfisher's rules, several hundred providers, on this machine alone.

The only importer of kingfisher_sdk (the extra `secrets`). Its validation, which would show a found key to the provider,
is never asked: the scanner object made here has no such step, and nothing else of the package is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synthdata.errors import InputError


class Kingfisher:
    """A Redactor that finds what Kingfisher's rules of medium and high confidence find; made once, used for all texts.

    Raises:
        InputError: the extra is not installed.
    """

    def __init__(self) -> None:
        try:
            from kingfisher_sdk import Rules, Scanner
        except ImportError as error:
            raise InputError(
                "recipe.export.second_scan needs the secrets extra: pip install 'synthdata-gate[secrets]'"
            ) from error
        # No cache on disk: compiling takes seconds, and a folder of rules is one more thing that could be altered.
        self._scanner: Any = Scanner(Rules(confidence="medium", cache=False))

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and `SECRET` of each finding, wherever its value stands in the text."""
        for finding in self._scanner.scan(text):
            value = finding.secret
            start = text.find(value) if finding.visible and value else -1
            while start >= 0:
                yield start, start + len(value), "SECRET"
                start = text.find(value, start + len(value))
