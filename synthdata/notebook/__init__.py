"""The corpus as a notebook sees it: any rows in, every verb a method, results that print, tabulate and draw themselves.

`Corpus` here adds to that of `api` what needs the rooms above it; rules and order of steps are not here.
"""

from __future__ import annotations

from synthdata.notebook.corpus import Corpus, inspect
from synthdata.notebook.results import Result, RoundResult

__all__ = ["Corpus", "Result", "RoundResult", "inspect"]
