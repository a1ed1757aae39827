"""Numbers about raw samples of a model: what the gate saw, what it never saw, wording and the rare end.

Always on raw samples, at one size, never on the chosen rows: those look diverse by construction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.collapse.world import Row, World
from metrics import compression_ratio, distinct_n, effective_number, hill_number, mmd2, prdc, tail_coverage
from synthdata.gate.cells import assign

TOKENS = 10_000


def diversity(world: World, rows: Sequence[Row]) -> dict[str, float]:
    """N2, effective cells, PRDC and MMD^2 on the gate's view: the tiles of the alarm."""
    shared = world.shared
    x = shared.words.unit([row.text for row in rows])
    anchor, _ = shared.gate("cos2")
    cells, _ = assign(x, anchor.context.centroids)
    near = prdc(shared.heldout["words"], x)
    return {
        "n2": effective_number(x),
        "cells": hill_number(np.bincount(cells, minlength=len(anchor.context.centroids)), 1.0),
        "coverage": near["coverage"],
        "precision": near["precision"],
        "mmd2": mmd2(shared.heldout["words"], x),
    }


def wording(world: World, rows: Sequence[Row]) -> dict[str, float]:
    """Distinct trigrams and rare words at one number of tokens, compression, and the view that the gate never saw."""
    shared = world.shared
    documents = cut([row.text.split() for row in rows], TOKENS)
    texts = [row.text for row in rows]
    x = shared.characters.unit(texts)
    near = prdc(shared.heldout["characters"], x)
    return {
        "distinct3": distinct_n(documents, 3),
        "tail": tail_coverage([row.text.split() for row in world.anchor], documents),
        "compression": compression_ratio([" ".join(document) for document in documents]),
        "n2_unseen": effective_number(x),
        "precision_unseen": near["precision"],
        "coverage_unseen": near["coverage"],
        "length": float(np.mean([len(row.ids) for row in rows])),
    }


def judged(world: World, rows: Sequence[Row]) -> float:
    """The mean score of the judge that ranks: log likelihood a token under the first model, nats."""
    return float(world.first.mean_log_likelihood(rows).mean())


def cut(documents: Sequence[list[str]], tokens: int) -> list[list[str]]:
    """The first documents up to a number of tokens."""
    kept, left = [], tokens
    for document in documents:
        if left <= 0:
            break
        kept.append(document[:left])
        left -= len(document)
    return kept
