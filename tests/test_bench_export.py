"""The export benchmark at a small size: counts exact, `verify` clean, the release list right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import export as bench

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_export_and_retraction_at_a_small_size(tmp_path: Path) -> None:
    (rows, written, seconds, processor, megabytes), bar = bench.exported(tmp_path / "a", 1000)
    # All rows of the reference are real and there is enough of it, so nothing is left out.
    assert (rows, written) == (1000, 1300) and min(seconds, processor, megabytes) > 0
    assert bar == "sources of rows, checked: 2600 of 2600"
    done = bench.retracted(tmp_path / "b", 1000)
    assert (done["retracted"], done["left"], done["releases"]) == (100, 900, {1: 100, 2: 20})
    assert done["exact"] and done["verify"] == 0 and done["code"] == 0
