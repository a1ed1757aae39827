"""Small matrix products on one thread, so that they do not slow down the search that follows them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Numpy's and scipy's products take one thread inside; FAISS, which brings its own, keeps all of them.

    OpenBLAS's threads spin for some milliseconds after each product and hold the cores that FAISS would search with:
    on two cores and 10,000 rows a round took half as long again to twice as long with them (docs/LOG.md).
    """
    limited: AbstractContextManager[object] = _own_threads().limit(limits=1)
    return limited


@cache
def _own_threads() -> ThreadpoolController:
    # Only OpenBLAS's own threads spin so; where numpy stands on another library there is nothing to limit.
    return ThreadpoolController().select(threading_layer="pthreads")
