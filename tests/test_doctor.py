"""`doctor` finds all controls in place by default, and names the one that a setting has switched off."""

from __future__ import annotations

import json

import pytest
from test_cli import synthdata

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_every_control_fires_and_a_disabled_one_is_named() -> None:
    done = synthdata("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, [f for f in report["findings"] if not f["fired"]]
    assert report["healthy"] and len(report["findings"]) >= 10
    controls = {finding["control"] for finding in report["findings"]}
    assert {
        "exact_duplicate",
        "near_duplicate",
        "semantic_duplicate",
        "gibberish",
        "contaminated",
        "secret",
    } <= controls
    assert {"secret", "the gate", "the alarm", "evidence", "canaries"} <= controls

    # Nothing counts as a paraphrase; hashed vectors are only there to be quick.
    off = ("recipe.encoder.backend=hashing", "recipe.encoder.dim=96", "recipe.gate.tau=1.5")
    blind = synthdata("doctor", *(part for setting in off for part in ("--set", setting)))
    assert blind.returncode == 1
    said = " ".join(blind.stdout.split())
    assert "semantic_duplicate did not fire on a paraphrase" in said
