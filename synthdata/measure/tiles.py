"""The numbers of the dashboard (D1 to D6) on one sample: diversity, cells, fit, drift, tail and wording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from metrics.coverage import prdc, tail_coverage
from metrics.drift import mmd2
from metrics.entropy import hill_number
from metrics.lexical import compression_ratio, distinct_n, self_repetition
from metrics.spectrum import effective_number, vendi_score
from synthdata.measure.views import View, first_words

NEIGHBOURS = 5
OWN = (
    "n2",
    "vendi_1",
    "cell_hill_1",
    "cell_max_ratio",
    "outside_share",
    "distinct_3",
    "compression_ratio",
    "self_repetition",
    "skeleton_hill_1",
)
AGAINST = ("coverage", "precision", "mmd2", "tail_coverage")


def own_tiles(sample: View, shares: NDArray[np.float64], words: int) -> dict[str, float]:
    """What a sample says by itself. Cell numbers are missing where all rows lie outside; wording is of `words` words.

    `shares` (m,) are the real shares of the cells.
    """
    values = {"n2": effective_number(sample.content), "vendi_1": vendi_score(sample.content)}
    inside = sample.cells[sample.cells >= 0]
    values["outside_share"] = 1 - len(inside) / len(sample)
    if len(inside):
        counts = np.bincount(inside, minlength=len(shares))
        values["cell_hill_1"] = hill_number(counts, 1)
        values["cell_max_ratio"] = float((counts / len(inside) / shares).max())
    documents = first_words(sample.words, words)
    frames = sample.frames[: len(documents)]
    return values | {
        "distinct_3": distinct_n(documents, 3),
        "compression_ratio": compression_ratio([" ".join(document) for document in documents]),
        "self_repetition": self_repetition(documents),
        "skeleton_hill_1": hill_number(list(Counter(frames).values()), 1),
    }


def tiles_against(real: View, sample: View, words: int) -> dict[str, float]:
    """What a sample says beside as many real rows, none of which it holds."""
    fit = prdc(real.content, sample.content, k=min(NEIGHBOURS, len(sample) - 1))
    return {
        "coverage": fit["coverage"],
        "precision": fit["precision"],
        "mmd2": mmd2(real.content, sample.content),
        "tail_coverage": tail_coverage(first_words(real.words, words), first_words(sample.words, words)),
    }


def mean_and_deviation(draws: list[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over draws, of every number that all draws have."""
    names = [name for name in draws[0] if all(name in draw for draw in draws)] if draws else []
    columns = {name: np.array([draw[name] for draw in draws]) for name in names}
    finite = {name: column for name, column in columns.items() if np.isfinite(column).all()}
    return {name: (float(column.mean()), float(column.std())) for name, column in finite.items()}
