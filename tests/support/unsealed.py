"""A corpus as from before there were seals: for tests that take away what was written, as a kill in its time would."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from synthdata.corpus.header import UNSEALED


def unseal(corpus: Path) -> None:
    """Remove the seals and say so in the header; the next write seals the corpus as it is found."""
    shutil.rmtree(corpus / "seals")
    header = corpus / "corpus.json"
    header.chmod(0o600)
    header.write_text(json.dumps(json.loads(header.read_text()) | {"format": UNSEALED}))
