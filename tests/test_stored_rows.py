"""Rows in a stored column answer as rows in memory do, wherever the border between both lies."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.similarity.stored_rows import ExactRows, SketchRows, Texts

TEXTS = st.lists(st.text(st.characters(), max_size=6) | st.sampled_from(["a", "b", "half \ud800 pair"]), max_size=20)


def stored(texts):
    return pl.Series(values=[text.encode("utf-8", "surrogatepass") for text in texts], dtype=pl.Binary)


@given(texts=TEXTS, cut=st.integers(0, 20))
def test_texts_are_the_same_wherever_they_lie(texts, cut):
    column = Texts(stored(texts[:cut]))
    column.extend(texts[cut:])
    assert len(column) == len(texts)
    assert list(column) == [column[i] for i in range(len(texts))] == texts
    assert list(Texts(column.column())) == texts


@given(texts=TEXTS, cut=st.integers(0, 20))
def test_exact_rows_are_those_of_the_same_text_in_order(texts, cut):
    keys = [text.encode("utf-8", "surrogatepass") for text in texts]
    rows = ExactRows(pl.Series(values=keys[:cut], dtype=pl.Binary))
    for row, key in enumerate(keys[cut:], len(keys[:cut])):
        rows.add(key, row)
    asked = [*keys, b"another", *keys[:2]]
    expected = [[row for row, other in enumerate(keys) if other == key] for key in asked]
    assert rows.rows(asked) == expected and [rows.rows([key])[0] for key in asked] == expected
    assert rows.rows([]) == []


def test_sketches_may_be_taken_out_on_both_sides_of_the_border():
    signatures = np.arange(12, dtype=np.uint32).reshape(3, 4)
    rows = SketchRows(stored(["a", "b", "c"]), signatures)
    rows.add(3, b"d", np.full(4, 9, dtype=np.uint32))
    assert rows.columns(4)[0].to_list() == [b"a", b"b", b"c", b"d"]
    assert rows.columns(4)[1].tolist()[3] == [9] * 4
    rows.remove(1)
    rows.remove(3)
    assert (1 in rows, 3 in rows, 2 in rows, -1 in rows, len(rows)) == (False, False, True, False, 2)
    assert sorted(rows.ids().tolist()) == [0, 2]
    assert (rows.plain(2), rows.signature(2).tolist()) == (b"c", [8, 9, 10, 11])
    with pytest.raises(KeyError):
        rows.remove(1)
    rows.add(1, b"again", signatures[0])
    assert rows.plain(1) == b"again" and 1 in rows and len(rows) == 3
