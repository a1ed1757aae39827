"""Writes the tables of docs/redteam.md: all families against the rules alone, public attack sets, genuine reviews.

The public sets and reviews lie in ../shared/data beside the repository; without them their tables are left out.
Run: .venv/bin/python -m bench.redteam [--items 368] [--only families,sets,recall,copies]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from bench.report import conditions, table, write_section
from metrics.proportion import exact_interval
from synthdata.cli.redteam import SAMPLE
from synthdata.judging.consistency import Pair
from synthdata.judging.credulous import CredulousJudge
from synthdata.records import Origin, Trajectory, content_hash
from synthdata.redteam import FAMILIES
from synthdata.redteam.attack import appended, from_texts
from synthdata.redteam.genuine import learner_text, terse_text
from synthdata.redteam.trial import Result, attack_all, genuine_records, verdicts
from synthdata.redteam.whole_gate import COLUMNS, copy_attack
from synthdata.settings import Settings
from synthdata.sources import read_trajectories

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
PAGE = ROOT / "docs" / "redteam.md"
# Of each set, for the copies.
REAL_REVIEWS = 100
# The readers of genuine reviews are the tests' own.
sys.path.insert(0, str(ROOT / "tests" / "support"))


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=368)
    parser.add_argument("--only", default="families,sets,recall,copies")
    given = parser.parse_args()
    settings, where, wanted = Settings(), conditions(), given.only.split(",")
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]
    pool = genuine_records(runs, settings)
    if "families" in wanted:
        results = attack_all(FAMILIES, pool, CredulousJudge(), settings.recipe, given.items, lambda done: None)
        columns = ["family", "form", "expected", "wrong", "95 % interval", "held-out half", "must hold"]
        body = table(columns, [_row(result) for result in results])
        write_section("families", "Rules alone", f"{where}\n\n{body}", PAGE)
    if "sets" in wanted and SHARED.is_dir():
        made = [_outside(name, texts, pool, settings) for name, texts in _sets().items()]
        body = table(["set", "texts", "accepted", "95 % interval"], made)
        write_section("sets", "Public attack sets, carried", body, PAGE)
    if "recall" in wanted and SHARED.is_dir():
        columns = ["reviews", "matched", "unmatched", "as written", "terse", "learner's English"]
        write_section("recall", "Genuine reviews that pass", table(columns, list(_recall(settings))), PAGE)
    if "copies" in wanted:
        bodies = [f"{name}\n\n{_copies(chosen, settings)}" for name, chosen in _originals(pool, settings).items()]
        write_section("copies", "Copies of admitted reviews", "\n\n".join([where, *bodies]), PAGE)


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
    bipia = {
        kind: json.loads((SHARED / "attack-bipia-train" / f"{kind}_attack_train.json").read_text("utf-8"))
        for kind in ("text", "code")
    }
    pairs = [
        row for path in sorted((SHARED / "attack-llmbar").glob("*.json")) for row in json.loads(path.read_text("utf-8"))
    ]
    keys = json.loads((SHARED / "attack-master-keys" / "master_keys.json").read_text("utf-8"))
    with gzip.open(SHARED / "attack-null-model" / "null_model_outputs.json.gz", "rt", encoding="utf-8") as file:
        null = json.load(file)
    return {
        "bastioncorpus, malicious": [row["text"] for row in rows if row["label"] == "malicious"],
        "bastioncorpus, benign look-alikes": [row["text"] for row in rows if row["label"] == "benign"],
        "BIPIA, text attacks": [text for texts in bipia["text"].values() for text in texts],
        "BIPIA, code attacks": [text for texts in bipia["code"].values() for text in texts],
        "LLMBar, the answer that looks better and is not": [row[f"output_{3 - int(row['label'])}"] for row in pairs],
        "master keys": [row["response"] for row in keys],
        "null model": [null[0]["output"]],
    }


def _outside(name: str, texts: list[str], pool: Sequence[Pair], settings: Settings) -> tuple[object, ...]:
    """Texts behind, before and under a genuine lesson, as F10 puts them; keys and answers stand in place of it."""

    def told(pool: Sequence[Pair], rng: random.Random) -> Iterator[tuple[str, str]]:
        yield from ((f"{name} {number}", text) for number, text in enumerate(texts))

    put = from_texts if name == "master keys" or name.startswith("LLMBar") else appended
    items = list(put(told, pool, random.Random(0), "carried"))
    said = verdicts([(item.run, item.review) for item in items], CredulousJudge(), settings.recipe)
    hits = said.count("")
    low, high = exact_interval(hits, len(items))
    return name, len(items), hits, f"{low:.1%} to {high:.1%}"


def _recall(settings: Settings) -> Iterator[tuple[object, ...]]:
    import genuine_reviews as real
    import unseen_reviews as unseen

    readers = {
        "HotpotQA, Reflexion": real.hotpot,
        "MINT, expert feedback": real.feedback,
        "MR-GSM8K, right reviews": real.right_reviews,
        "*not looked at:* HotpotQA without a search": unseen.closed_book,
        "*not looked at:* MR-GSM8K, GPT-4's second opinions": unseen.second_opinions,
        "*not looked at:* MR-GSM8K, notes of people": unseen.reasons_of_people,
        "*not looked at:* Who&When, notes of people": unseen.decisive_errors,
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


def _originals(pool: Sequence[Pair], settings: Settings) -> dict[str, list[Pair]]:
    """The reviews of the sample games, and the same number of real reviews of each of three sets."""
    found = {f"Reviews of text games by the rules (`{SAMPLE.name}`):": _drawn(pool, 4 * REAL_REVIEWS)}
    if SHARED.is_dir():
        import genuine_reviews as real

        found["Real reviews (HotpotQA, MINT, MR-GSM8K):"] = [
            pair
            for read in (real.hotpot, real.feedback, real.right_reviews)
            for pair in _drawn(real.matched(read(SHARED), settings.recipe.floor)[0], REAL_REVIEWS)
        ]
    return found


def _drawn(pairs: Sequence[Pair], count: int) -> list[Pair]:
    return sorted(pairs, key=lambda pair: content_hash("copies", pair[1].lesson.text))[:count]


def _copies(pool: Sequence[Pair], settings: Settings) -> str:
    # Two contexts a run calibrate cells as well as eight, and encoding them is most of the work.
    own = settings.with_value("recipe.anchor.steps_per_trajectory", 2)
    with tempfile.TemporaryDirectory() as folder:
        made = copy_attack(Path(folder) / "corpus", pool, own)
    return f"tau {made[0].tau:.2f}, encoder {own.recipe.encoder.model}\n\n{table(COLUMNS, [one.row for one in made])}"


if __name__ == "__main__":
    main()
