"""Numpy's own threads: taken off small products, whose sums they would change, and given to a search in tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")
Answer = TypeVar("Answer")


def one_blas_thread() -> AbstractContextManager[object]:
    """Numpy's and scipy's products take one thread inside.

    OpenBLAS's threads spin for some milliseconds after each small product and hold cores that others could use, and a
    sum that is dealt to them rounds otherwise than one that is not.
    """
    limited: AbstractContextManager[object] = _blas()[0].limit(limits=1)
    return limited


def in_threads(work: Callable[[Part], Answer], parts: Sequence[Part]) -> list[Answer]:
    """The work's answers in the order of the parts, on as many threads as numpy's products may take.

    For large products: numpy lets other threads run meanwhile, and inside each takes one thread.
    """
    threads = min(_blas()[1], len(parts))
    if threads < 2:
        return [work(part) for part in parts]
    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, parts))


@cache
def _blas() -> tuple[ThreadpoolController, int]:
    """OpenBLAS's own threads and how many they are unless limited, which the environment may have said."""
    # Only those spin so; where numpy stands on another library there is nothing to limit.
    blas = ThreadpoolController().select(threading_layer="pthreads")
    return blas, max((library["num_threads"] for library in blas.info()), default=1)
