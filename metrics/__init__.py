"""Diversity metrics: pure functions, arrays or tokens in, floats out. No I/O, no settings, numpy and scipy alone."""

from metrics.coverage import coverage_radius, prdc, tail_coverage
from metrics.drift import mmd2
from metrics.entropy import hill_number, jensen_shannon, shannon_entropy
from metrics.lexical import compression_ratio, distinct_n, ngram_entropy, self_repetition
from metrics.spectrum import SecondMoment, collision_probability, effective_number, vendi_score

__all__ = [
    "SecondMoment",
    "collision_probability",
    "compression_ratio",
    "coverage_radius",
    "distinct_n",
    "effective_number",
    "hill_number",
    "jensen_shannon",
    "mmd2",
    "ngram_entropy",
    "prdc",
    "self_repetition",
    "shannon_entropy",
    "tail_coverage",
    "vendi_score",
]
