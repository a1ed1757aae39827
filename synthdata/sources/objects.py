"""Rows of objects in memory: dicts and texts, frames of polars and pandas, tables of Arrow, sets of `datasets`.

The libraries are known by the names of their types; none is imported that the caller has not imported. Cells are taken
as plain JSON values; an object of any other type spoils its row and is never called.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from synthdata.errors import InputError
from synthdata.records import QuarantinedRow
from synthdata.sources.files import Row
from synthdata.sources.tables import bounded, plain

NAME = "the rows given"
_TABLES = ("polars", "pandas", "pyarrow", "datasets")


def object_rows(value: object, max_row_bytes: int) -> Iterator[Row | QuarantinedRow]:
    """The rows of a value, numbered from 1.

    Raises:
        InputError: a value that holds no rows.
    """
    sparse = _library(value) in _TABLES
    for number, item in enumerate(_items(value), 1):
        if isinstance(item, str):
            yield Row(NAME, number, item)
        elif isinstance(item, Mapping):
            try:
                row = {str(key): _cell(cell, sparse) for key, cell in item.items()}
            except (TypeError, RecursionError) as error:
                yield QuarantinedRow(NAME, number, f"a column holds {error}")
            else:
                yield bounded(NAME, number, row, max_row_bytes, sparse)
        elif isinstance(item, list | tuple):
            try:
                yield Row(NAME, number, plain(item, sparse=sparse))
            except (TypeError, RecursionError) as error:
                yield QuarantinedRow(NAME, number, f"it holds {error}")
        else:
            yield QuarantinedRow(NAME, number, f"{type(item).__name__}: neither an object with columns nor a text")


def _library(value: object) -> str:
    return type(value).__module__.partition(".")[0]


def _items(value: object) -> Any:  # noqa: ANN401 - iterables of libraries that are not imported here
    """The rows as dicts or texts, one at a time."""
    library, kind = _library(value), type(value).__name__
    data: Any = value
    if library == "polars":
        data = data.collect() if kind == "LazyFrame" else data
        return data.to_list() if kind == "Series" else data.iter_rows(named=True)
    if library == "pandas":
        return data.tolist() if kind in ("Series", "Index") else _pandas_rows(data)
    if library == "pyarrow":
        return _arrow_rows(data)
    if library == "datasets" and isinstance(value, Mapping):
        return (row for split in data.values() for row in split)
    if isinstance(value, str | Mapping):
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return value
    raise InputError(f"{kind}: give texts, dicts, a frame of polars or pandas, an Arrow table or a data set")


def _pandas_rows(frame: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - a frame of a library that is not imported here
    names = [str(name) for name in frame.columns]
    for cells in frame.itertuples(index=False, name=None):
        yield dict(zip(names, cells, strict=True))


def _arrow_rows(table: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    batches = table.to_batches(max_chunksize=256) if hasattr(table, "to_batches") else [table]
    for batch in batches:
        yield from batch.to_pylist()


def _cell(value: Any, sparse: bool) -> Any:  # noqa: ANN401 - anything may stand in a frame
    """A cell as JSON has it; not-a-number is how a frame says that nothing is there.

    Where objects have the columns of all rows (`sparse`), null says that this one has no such key; else it is a value.
    """
    if _library(value) == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if _library(value) == "pandas":
        # Timestamps and the mark of a missing value.
        return None if type(value).__name__ in ("NAType", "NaTType") else str(value)
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, Mapping):
        kept = {key: item for key, item in value.items() if item is not None or key == "content" or not sparse}
        return {str(key): _cell(item, sparse) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [_cell(item, sparse) for item in value]
    return plain(value, sparse=sparse)
