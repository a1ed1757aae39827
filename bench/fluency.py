"""Shuffled real words: what the n-gram band sees of them, and what the likelihood of the embedded model sees.

Real texts of two kinds calibrate both bands from their own 1st and 99th percentile; other real texts measure the false
alarms, and the same texts with their words in another order, and with words drawn from all texts, the hits. Neither
band gets the slack that the gate adds, so that both are compared at the same aim: two false alarms in a hundred.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from report import conditions, table, write_section
from scipy.stats import binomtest

from synthdata.cli.output import progress
from synthdata.gate.band import calibrate_band
from synthdata.generation.embedded import EmbeddedGenerator
from synthdata.settings import AnchorSettings

SHARED = Path(__file__).parents[2] / "shared" / "data"
CALIBRATE, TRIED, WORDS = 100, 40, 40
PERCENTILES = (1.0, 99.0)
Score = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]


def stories() -> list[str]:
    """Beginnings of short stories."""
    with gzip.open(SHARED / "text-tinystories-sample" / "creative_fiction.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def answers() -> list[str]:
    """Beginnings of a large model's answers to instructions."""
    with gzip.open(SHARED / "div-alpaca-eval" / "gpt4_1106_preview.json.gz", "rt", encoding="utf-8") as file:
        return [row["output"] for row in json.load(file)]


def cut(texts: Sequence[str]) -> list[str]:
    """The first 40 words of texts that have so many, in a seeded order."""
    long = [" ".join(text.split()[:WORDS]) for text in texts if len(text.split()) >= WORDS]
    random.Random(0).shuffle(long)
    return long[: CALIBRATE + TRIED]


def spoilt(texts: Sequence[str]) -> dict[str, list[str]]:
    """The texts as they are, with their words in another order, and as many words drawn from all of them."""
    rng = random.Random(1)
    everything = [word for text in texts for word in text.split()]
    shuffled = [" ".join(rng.sample(text.split(), WORDS)) for text in texts]
    drawn = [" ".join(rng.choices(everything, k=WORDS)) for _ in texts]
    return {"real, held out": list(texts), "own words shuffled": shuffled, "words of all texts": drawn}


def outside(low: float, high: float, scores: tuple[np.ndarray, np.ndarray]) -> int:
    """How many lie outside the band, by the lower score above it and by the higher score below it."""
    least, most = scores
    return int(((least > high) | (most < low)).sum())


def rows(kind: str, texts: Sequence[str], likelihood: Score) -> list[tuple[object, ...]]:
    """A row a form of text and a band: outside, of how many, and the exact interval."""
    known, tried = texts[:CALIBRATE], texts[CALIBRATE:]
    settings = AnchorSettings(band_slack=0.0, band_low_percentile=PERCENTILES[0], band_high_percentile=PERCENTILES[1])
    ngram = calibrate_band(known, settings)
    low, high = np.percentile(likelihood(known)[0], PERCENTILES)
    found: list[tuple[object, ...]] = []
    for form, given in spoilt(tried).items():
        grams = outside(ngram.low, ngram.high, ngram.scores(given, settings.band_tokens))
        model = outside(float(low), float(high), likelihood(given))
        for band, hits in (("word trigrams", grams), ("embedded model", model)):
            low_, high_ = binomtest(hits, len(given)).proportion_ci(0.95, "exact")
            found.append((kind, form, band, hits, len(given), f"{low_:.2f} to {high_:.2f}"))
    return found


def main() -> None:
    """Measure, print and write the section."""
    if not SHARED.is_dir():
        print(f"{SHARED} is not there; nothing was measured")
        return
    told, generator = conditions(), EmbeddedGenerator(threads=1)
    kinds = {"stories": cut(stories()), "answers": cut(answers())}
    with progress("texts scored", len(kinds) * (CALIBRATE + 3 * TRIED)) as advance:

        def likelihood(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
            scores = []
            for text in texts:
                # The first word is the prompt: the model scores nothing before it has read something.
                first, _, rest = text.partition(" ")
                scores += generator.nll(first, [f" {rest}"])
                advance(1)
            return np.array(scores), np.array(scores)

        found = [row for kind, texts in kinds.items() for row in rows(kind, texts, likelihood)]
    body = (
        f"{told} {CALIBRATE} real texts of {WORDS} words calibrate each band, {TRIED} are tried in each form; both "
        "bands reach from the 1st to the 99th percentile, without the slack of the gate.\n\n"
        + table(["texts", "form", "band", "outside", "of", "95 %"], found)
    )
    print(body)
    write_section("fluency", "Shuffled words, by two bands", body)


if __name__ == "__main__":
    main()
