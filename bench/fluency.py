"""Real words in a wrong order: what the n-gram band sees of them, and what the loss of the embedded model sees.

    python bench/fluency.py [--known 25] [--rows 200] [--minutes 4]

Real texts calibrate both bands as `init` does, once with the slack that the gate ships and once without; other real
texts measure the false alarms, the same texts with their words in another order the hits. Losses are kept in
bench/results, so that the command goes on after a kill; what --minutes leave unscored is left out, and counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

# This folder holds modules whose names hide the packages; the root of the checkout is what is meant.
ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)

from bench.genuine_texts import expert_feedback, reflections
from bench.report import conditions, table, write_section
from metrics.proportion import exact_interval
from synthdata.gate.fluency import calibrate_fluency
from synthdata.gate.perplexity import calibrate_band
from synthdata.generation.embedded import EmbeddedGenerator
from synthdata.rounds.fluency import ScoredTexts
from synthdata.settings import AnchorSettings, Settings
from synthdata.text.terminal import progress

SHARED = ROOT.parent / "shared" / "data"
WORDS = 40
RECIPE = Settings().recipe
Pair = tuple[str, str]


def stories() -> list[str]:
    """The first 40 words of short stories."""
    with gzip.open(SHARED / "text-tinystories-sample" / "creative_fiction.jsonl.gz", "rt", encoding="utf-8") as file:
        return _cut([json.loads(line)["text"] for line in file])


def answers() -> list[str]:
    """The first 40 words of a large model's answers to instructions."""
    with gzip.open(SHARED / "div-alpaca-eval" / "gpt4_1106_preview.json.gz", "rt", encoding="utf-8") as file:
        return _cut([row["output"] for row in json.load(file)])


def _cut(texts: Sequence[str]) -> list[str]:
    return [" ".join(text.split()[:WORDS]) for text in texts if len(text.split()) >= WORDS]


def in_order(texts: Sequence[str]) -> list[str]:
    """Distinct texts in a seeded order."""
    rest = sorted(set(texts))
    random.Random(0).shuffle(rest)
    return rest


def shuffled(text: str) -> str:
    """The words of a text in another order."""
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def rows(kind: str, known: Sequence[str], tried: Sequence[str], model: ScoredTexts) -> Iterator[tuple[object, ...]]:
    """A row for each form of text, band and slack."""
    forms = {"real, held out": list(tried), "own words shuffled": [shuffled(text) for text in tried]}
    for slack in (True, False):
        bare = {} if slack else {"band_slack": 0.0, "fluency_slack": 0.0}
        settings: AnchorSettings = RECIPE.anchor.model_copy(update=bare)
        ngram, fluency = calibrate_band(known, settings), calibrate_fluency(known, model, settings)
        for form, texts in forms.items():
            least, most = ngram.scores(texts, settings.band_tokens)
            losses = model(texts)
            seen = {
                "word trigrams": (least > ngram.high) | (most < ngram.low),
                "embedded model": (losses > fluency.high) | (losses < fluency.low),
            }
            for band, outside in (seen | {"both": seen["word trigrams"] | seen["embedded model"]}).items():
                yield (kind, form, "as shipped" if slack else "none", band, *_share(outside))


def _share(outside: np.ndarray) -> tuple[object, ...]:
    hits = int(outside.sum())
    low, high = exact_interval(hits, len(outside))
    return hits, len(outside), f"{low:.2f} to {high:.2f}"


def score(texts: dict[str, list[str]], known: int, rows_each: int, model: ScoredTexts, until: float) -> dict[str, int]:
    """Read texts until the time is over, each kind in turn; how many of each are scored, those that calibrate first."""
    wanted = {kind: min(len(found), known + rows_each) for kind, found in texts.items()}
    done = dict.fromkeys(texts, 0)
    with progress("texts read", sum(wanted.values())) as advance:
        for place in range(max(wanted.values())):
            for kind in texts:
                if place < wanted[kind] and time.monotonic() < until:
                    text = texts[kind][place]
                    model([text] if place < known else [text, shuffled(text)])
                    done[kind] += 1
                    advance(1)
    return done


def main() -> None:
    """Measure, print and write the section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--known", type=int, default=25, help="texts of a kind that calibrate; `init` takes a hundred")
    parser.add_argument("--rows", type=int, default=200, help="texts of a kind that are tried, at most")
    parser.add_argument("--minutes", type=float, default=4.0, help="stop reading new texts then")
    given = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is not there; nothing was measured")
        return
    told, embedded, known = conditions(), EmbeddedGenerator(threads=1), given.known
    model = ScoredTexts(embedded, embedded.model, RECIPE.floor.fluency_chars, ROOT / "bench" / "results")
    kinds = {
        "HotpotQA reflections": reflections(SHARED),
        "expert feedback (MINT)": expert_feedback(SHARED),
        "answers, 40 words": answers(),
        "stories, 40 words": stories(),
    }
    texts = {kind: in_order(found) for kind, found in kinds.items()}
    began = time.process_time()
    done = score(texts, known, given.rows, model, time.monotonic() + 60 * given.minutes)
    spent = time.process_time() - began
    found = [r for k, t in texts.items() if done[k] > known for r in rows(k, t[:known], t[known : done[k]], model)]
    body = (
        f"{told} {known} real texts of a kind calibrate each band as `init` does, others are tried. `slack` is how far "
        f"the bands reach beyond real texts: {RECIPE.anchor.band_slack:g} nats for trigrams and "
        f"{RECIPE.anchor.fluency_slack:g} for the model, or nothing. {spent:.0f} processor seconds in this run.\n\n"
        + table(["texts", "form", "slack", "band", "outside", "of", "95 %"], found)
    )
    print(body)
    write_section("fluency", "Shuffled words, by two bands", body)


if __name__ == "__main__":
    main()
