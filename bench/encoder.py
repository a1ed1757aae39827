"""Texts a second of the encoder's default backend and of OpenVINO in bfloat16, and how near their vectors are.

One thread each, texts of 60 words, a text at a time as the encoder always does. Where this processor has no bfloat16,
the section says so instead.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from report import conditions, table, write_section

from synthdata.errors import SettingsError
from synthdata.settings import EncoderSettings
from synthdata.similarity.encoder import SentenceEncoder

TEXTS, WORDS, REPEATS, BAR, COSINE_BAR = 64, 60, 3, 2.0, 0.999


def texts() -> list[str]:
    """Sixty words each, drawn from this project's own prose."""
    rng = random.Random(0)
    words = (Path(__file__).parent.parent / "docs" / "design.md").read_text(encoding="utf-8").split()
    return [" ".join(rng.choices(words, k=WORDS)) for _ in range(TEXTS)]


def measured(encoders: list[SentenceEncoder]) -> tuple[list[NDArray[np.float32]], list[float], list[float]]:
    """Vectors, best texts a second, and best texts a processor second of each, taken in turn."""
    asked = texts()
    vectors = [encoder.encode(asked[:4]) for encoder in encoders]
    fast, cheap = [0.0] * len(encoders), [0.0] * len(encoders)
    for _ in range(REPEATS):
        for place, encoder in enumerate(encoders):
            start, worked = time.perf_counter(), time.process_time()
            vectors[place] = encoder.encode(asked)
            fast[place] = max(fast[place], TEXTS / (time.perf_counter() - start))
            cheap[place] = max(cheap[place], TEXTS / (time.process_time() - worked))
    return vectors, fast, cheap


def main() -> None:
    """Measure, print and write the section."""
    told = conditions()
    default, other = (SentenceEncoder(EncoderSettings(backend=name), 1) for name in ("torch", "openvino"))
    try:
        vectors, fast, cheap = measured([default, other])
    except SettingsError as error:
        write_section("encoder", "Encoder backends", f"{told} Not measured: {error}")
        return
    cosines = (vectors[0].astype(np.float64) * vectors[1]).sum(axis=1)
    rows = [("torch, the default", fast[0], cheap[0], 1.0, 1.0)]
    rows += [("openvino, bf16", fast[1], cheap[1], fast[1] / fast[0], cheap[1] / cheap[0])]
    columns = ["backend", "texts / s", "texts / processor s", "times default", "times default, processor"]
    body = (
        f"{told} {TEXTS} texts of {WORDS} words, one thread, best of {REPEATS}. Bars: {BAR:g} times the default, "
        f"cosine at least {COSINE_BAR}; the smallest cosine between the two was {cosines.min():.6f}. Where other work "
        "shares the cores, texts a processor second compare better.\n\n" + table(columns, rows)
    )
    print(body)
    write_section("encoder", "Encoder backends", body)


if __name__ == "__main__":
    main()
