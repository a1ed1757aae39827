"""A digest of rows, whatever files they lie in: compaction may rewrite files, and must not change what was said.

Values are hashed column by column as little-endian bytes, so that a corpus of a million vectors takes seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import polars as pl

# Rows of one key in an order of their own; the key itself is a round or a sequence number.
_ORDER = ("round", "seq", "row", "view", "metric")


def rows_digest(frame: pl.DataFrame) -> str:
    """Hex sha256 over all values of these rows, in the order of their keys; names and types of columns enter it.

    A column without any value is left out, so that a younger version's new column leaves older rows as they were.
    """
    ordered = frame.sort([name for name in _ORDER if name in frame.columns], maintain_order=True)
    digest = hashlib.sha256(str(frame.height).encode())
    for name in sorted(ordered.columns):
        column = ordered[name]
        if column.null_count() < column.len():
            digest.update(f"\n{name} {column.dtype}\n".encode())
            _enter(column, digest.update)
    return digest.hexdigest()


def _enter(column: pl.Series, update: Callable[[bytes], None]) -> None:
    update(np.packbits(column.is_null().to_numpy()).tobytes())
    present = column.drop_nulls()
    if isinstance(present.dtype, pl.List):
        lengths = present.list.len()
        update(lengths.to_numpy().astype("<u4").tobytes())
        # An empty list would be exploded into a null that was never there.
        _enter(present.filter(lengths > 0).explode(), update)
    elif isinstance(present.dtype, pl.Struct):
        for field in present.struct.fields:
            _enter(present.struct.field(field), update)
    elif present.dtype == pl.String:
        update(present.str.len_bytes().to_numpy().astype("<u4").tobytes())
        update("".join(present).encode())
    else:
        values = present.to_numpy()
        update(np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<")).tobytes())
