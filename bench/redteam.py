"""Writes the tables of docs/redteam.md: all families against the rules alone, public attack sets, genuine reviews.

The public sets and reviews lie in ../shared/data beside the repository; without them their tables are left out.
Run: .venv/bin/python -m bench.redteam [--items 368]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.report import conditions, table, write_section
from metrics.proportion import exact_interval
from synthdata.cli.redteam import SAMPLE
from synthdata.judging.consistency import Pair
from synthdata.judging.credulous import CredulousJudge
from synthdata.judging.redteam import FAMILIES
from synthdata.judging.redteam.attack import appended, from_texts
from synthdata.judging.redteam.genuine import learner_text, terse_text
from synthdata.records import Origin, Trajectory
from synthdata.redteam import Result, attack_all, genuine_records, verdicts
from synthdata.settings import Settings
from synthdata.sources import read_trajectories

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "redteam.md"


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=368)
    count = parser.parse_args().items
    settings, judge, where = Settings(), CredulousJudge(), conditions()
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]
    pool = genuine_records(runs, settings)
    results = attack_all(FAMILIES, pool, judge, settings.recipe, count, lambda done: None)
    columns = ["family", "form", "expected", "wrong", "95 % interval", "held-out half", "must hold"]
    body = table(columns, [_row(result) for result in results])
    write_section("families", "Rules alone", f"{where}\n\n{body}", PAGE)
    if SHARED.is_dir():
        made = [_outside(name, texts, pool, judge, settings) for name, texts in _sets().items()]
        write_section(
            "sets", "Public attack sets, carried", table(["set", "texts", "accepted", "95 % interval"], made), PAGE
        )
        body = table(
            ["reviews", "matched", "unmatched", "as written", "terse", "learner's English"], list(_recall(settings))
        )
        write_section("recall", "Genuine reviews that pass", body, PAGE)


def _row(result: Result) -> tuple[object, ...]:
    low, high = result.interval
    share = f"{low:.1%} to {high:.1%}"
    held = "yes" if result.form in result.family.held else ""
    wrong, half = f"{result.hits} of {result.items}", f"{result.held_out_hits} of {result.held_out}"
    return f"{result.family.id} {result.family.title}", result.form, result.family.expected, wrong, share, half, held


def _sets() -> dict[str, list[str]]:
    rows = [
        json.loads(line)
        for line in (SHARED / "attack-bastioncorpus" / "injections.jsonl").read_text("utf-8").splitlines()
    ]
    bipia = json.loads((SHARED / "attack-bipia-train" / "text_attack_train.json").read_text("utf-8"))
    keys = json.loads((SHARED / "attack-master-keys" / "master_keys.json").read_text("utf-8"))
    with gzip.open(SHARED / "attack-null-model" / "null_model_outputs.json.gz", "rt", encoding="utf-8") as file:
        null = json.load(file)
    return {
        "bastioncorpus, malicious": [row["text"] for row in rows if row["label"] == "malicious"],
        "bastioncorpus, benign look-alikes": [row["text"] for row in rows if row["label"] == "benign"],
        "BIPIA, text attacks": [text for texts in bipia.values() for text in texts],
        "master keys": [row["response"] for row in keys],
        "null model": [null[0]["output"]],
    }


def _outside(
    name: str, texts: list[str], pool: Sequence[Pair], judge: CredulousJudge, settings: Settings
) -> tuple[object, ...]:
    """Texts behind, before and under a genuine lesson, as F10 puts them; a master key must stand alone to be one."""

    def told(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
        yield from ((f"{name} {number}", text) for number, text in enumerate(texts))

    put = from_texts if name == "master keys" else appended
    items = list(put(told, pool, random.Random(0), "carried"))
    said = verdicts([(item.run, item.review) for item in items], judge, settings.recipe)
    hits = said.count("")
    low, high = exact_interval(hits, len(items))
    return name, len(items), hits, f"{low:.1%} to {high:.1%}"


def _recall(settings: Settings) -> Iterator[tuple[object, ...]]:
    sys.path.insert(0, str(ROOT / "tests"))
    import genuine_reviews as real

    readers = {
        "HotpotQA, Reflexion": real.hotpot,
        "MINT, expert feedback": real.feedback,
        "MR-GSM8K, right reviews": real.right_reviews,
    }
    for name, read in readers.items():
        pairs, unmatched = real.matched(read(SHARED), settings.recipe.floor)
        forms = (str, terse_text, partial(learner_text, rng=random.Random(0)))
        shares = []
        for form in forms:
            told = [(run, real.worded(review, form(review.lesson.text))) for run, review in pairs]
            said = verdicts(told, CredulousJudge(), settings.recipe)
            low, high = exact_interval(said.count(""), len(said))
            shares.append(f"{said.count('') / len(said):.1%} ({low:.1%} to {high:.1%})")
        yield name, len(pairs), unmatched, *shares


if __name__ == "__main__":
    main()
