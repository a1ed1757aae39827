"""What the candidates for rare tokens change, paired by seed: the rare end, and what it costs in common tokens."""

from __future__ import annotations

import numpy as np

from experiments.collapse.claims_e2 import interval, paired, told
from experiments.collapse.contrasts import Results

TEMPERATURE = 1.0
MEASURES = {
    "loss_rare": ("rarest 15 %", "+.3f"),
    "loss_common": ("commonest 30 %", "+.3f"),
    "loss_calibrated": ("calibrated loss", "+.3f"),
    "n2": ("N2", "+.1f"),
    "precision": ("precision", "+.3f"),
}
CONTRASTS = (
    ("accumulate, rare real", "accumulate"),
    ("accumulate gate+dsir, rare real", "accumulate gate+dsir"),
    ("accumulate gate+rare", "accumulate gate+dsir"),
    ("accumulate gate+dsir, rare real", "accumulate"),
)


def differences(results: Results) -> list[list[str]]:
    """A head, and a row a contrast of which both arms have been run: mean differences with their 95 % intervals."""
    rows = [["arm", "less", "seeds", *(name for name, _ in MEASURES.values())]]
    for ours, theirs in CONTRASTS:
        cells, seeds = [], 0
        for measure, (_, form) in MEASURES.items():
            a, b = paired(results, TEMPERATURE, (ours, theirs), measure)
            seeds = len(a)
            if seeds:
                cells.append(told(*interval(np.subtract(a, b)), form))
        if seeds:
            rows.append([f"*{ours}*", f"*{theirs}*", str(seeds), *cells])
    return rows
