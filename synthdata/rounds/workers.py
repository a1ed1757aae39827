"""Text work on all cores: a mapper over processes. The only importer of joblib.

Its loky processes start afresh and never import the caller's main module, so that a script without a guard and a
notebook are safe, and threads of this process are not copied into them as a fork would.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from synthdata.gate.ready import AT_ONCE
from synthdata.protocols import Done, Mapper, Part, in_line

# A process takes a second to begin; fewer texts than these are done sooner without.
_LEAST_TEXTS = 4 * AT_ONCE


def mapper_for(texts: int, threads: int) -> Mapper:
    """The mapper for a round of so many texts: `threads` processes, at most one a core, where they are worth it."""
    workers = min(threads, os.cpu_count() or 1)
    return in_line if workers < 2 or texts < _LEAST_TEXTS else ProcessMapper(workers)


class ProcessMapper:
    """A mapper over `workers` processes, which stay for a while and are used again."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __call__(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
        """What the function makes of each part, in their order."""
        from joblib import Parallel, delayed, parallel_config

        with parallel_config(backend="loky", inner_max_num_threads=1):
            pool = Parallel(n_jobs=self._workers, max_nbytes=None, return_as="generator", pre_dispatch="2*n_jobs")
            done: Iterable[Done] = pool(delayed(function)(part) for part in parts)
            return done
