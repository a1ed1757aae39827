"""Where the files lie that come along: settings, the sample and the pages; in the wheel, or beside a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).parent.parent
# In the wheel they lie under `shipped` by these names, in a checkout at these places.
_IN_CHECKOUT = {"configs": "configs", "sample": "data/sample", "docs": "docs", "exam": "data/exam"}


def shipped_folder(name: Literal["configs", "sample", "docs", "exam"]) -> Path:
    """The folder of that name."""
    inside = _PACKAGE / "shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[name]
