"""Pictures that look the same: a hash of 1,024 bits that light edits hardly change, and groups by its distance.

The hash is dHash as `imagehash` computes it: of a grid of 33 x 32 greys, is each brighter than the one to its left?
Screens of one application share style and layout, so the usual 64 or 256 bits take different pages for one
(docs/benchmarks.md).
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthdata.pictures.encode import on_white

_SIDE = 32
# Bytes of a hash, and bits of it up to which two pictures are near copies.
CODE_BYTES, NEAR_BITS = _SIDE * _SIDE // 8, 32
Codes = NDArray[np.uint8]


def code(data: bytes) -> Codes:
    """The hash of a picture that was encoded here, (CODE_BYTES,)."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        greys = on_white(image).convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.LANCZOS)
    grid = np.asarray(greys)
    return np.packbits(grid[:, 1:] > grid[:, :-1])


def distances(own: Codes, others: Codes) -> NDArray[np.int64]:
    """Bits in which a hash differs from each of others (n, CODE_BYTES), (n,)."""
    bits: NDArray[np.int64] = np.bitwise_count(own ^ others).sum(axis=1, dtype=np.int64)
    return bits


def groups(codes: Sequence[Codes], bits: int = NEAR_BITS) -> list[int]:
    """For each picture the earlier one that stands for it, the nearest within `bits`; itself where there is none.

    One that was joined to another stands for nobody, so that a chain of small changes does not become one group.
    """
    heads: list[int] = []
    made: list[int] = []
    table = np.zeros((len(codes), CODE_BYTES), dtype=np.uint8)
    for number, item in enumerate(codes):
        apart = distances(item, table[: len(heads)])
        if len(heads) and apart.min() <= bits:
            made.append(heads[int(apart.argmin())])
        else:
            table[len(heads)] = item
            heads.append(number)
            made.append(number)
    return made
