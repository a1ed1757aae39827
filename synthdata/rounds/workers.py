"""Where a round's work is done: here, on processes of this machine, or on a cluster. The only importer of joblib.

joblib's loky processes start afresh and never import the caller's main module, so that a script without a guard and a
notebook are safe, and threads of this process are not copied into them as a fork would.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from synthdata.gate.ready import AT_ONCE
from synthdata.protocols import Done, Mapper, Part, in_line
from synthdata.settings import RuntimeSettings
from synthdata.similarity.parts import Dealer, held_here

if TYPE_CHECKING:
    from synthdata.rounds.cluster import Cluster

# A process takes a second to begin; fewer texts than these are done sooner without.
_LEAST_TEXTS = 4 * AT_ONCE


@dataclass(frozen=True)
class Workers:
    """Who does a round's work: `mapper` that on texts, and `deal` says where the rows admitted before are searched."""

    mapper: Mapper = in_line
    deal: Dealer = held_here


def workers_for(texts: int, runtime: RuntimeSettings) -> Workers:
    """The workers of a round of so many texts: those of the cluster where one is named, else processes.

    Raises:
        SettingsError: the cluster that `runtime.ray_address` names cannot be used.
    """
    if not runtime.ray_address:
        return Workers(mapper_for(texts, runtime.threads))
    cluster = _cluster(runtime.ray_address)
    return Workers(cluster, partial(cluster.deal, parts=runtime.ray_parts))


@cache
def _cluster(address: str) -> Cluster:
    from synthdata.rounds.cluster import Cluster

    return Cluster(address)


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
