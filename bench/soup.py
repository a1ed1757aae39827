"""Token soup and genuine texts before the tests of wording alone: no encoder, so that many halvings take minutes.

    python bench/soup.py measure --out FILE [--sets WORD] [--seeds 0 1 2]
    python bench/soup.py report FILE

The references are halves of real sets as in genuine.py. What passes here may still fall to a later stage of the gate.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)

from bench.genuine import SHARED, halves  # noqa: E402
from bench.genuine_faults import KINDS, USED, pieces, soup  # noqa: E402
from bench.genuine_sets import SETS, Sample, distinct  # noqa: E402
from bench.report import share, table, write_section  # noqa: E402
from synthdata.gate.perplexity import calibrate_band  # noqa: E402
from synthdata.gate.wording import calibrate_wording  # noqa: E402
from synthdata.judging.floor import TEXT_RULES, check_text  # noqa: E402
from synthdata.records import Candidate, Reason  # noqa: E402
from synthdata.rounds.wording import check_wording  # noqa: E402
from synthdata.settings import Settings  # noqa: E402

EACH = 120
REFERENCES = (*USED, "prompts and answers of alpaca-eval", "encyclopedia", "essays")
GENUINE = (
    "code",
    "GSM8K questions and solutions",
    "instructions of self-instruct",
    "prompts and answers of alpaca-eval",
)
RECIPE = Settings().recipe
# Rows of another length or predictability are refused with reasons of their own, which say nothing of soup.
_OF_ITS_KIND = {Reason.TOO_SHORT, Reason.TOO_LONG, Reason.UNLIKE_REFERENCE}


def _rows(name: str) -> list[Sample]:
    return distinct(dict(SETS)[name](SHARED))


class Tests:
    """The tests of wording of one half of a real set."""

    def __init__(self, known: Sequence[Sample]) -> None:
        texts = [sample.content for sample in known]
        language = calibrate_band(texts, RECIPE.anchor)
        wording = calibrate_wording(
            texts, [""] * len(texts), [sample.task for sample in known], language, RECIPE.anchor
        )
        # `check_wording` asks nothing else of the content half.
        self.content: Any = argparse.Namespace(wording=wording, language=language)

    def refused(self, texts: Sequence[str], soup_alone: bool) -> dict[str, Any]:
        """How many fall, and for what; for soup whatever the reason, of genuine texts those called broken."""
        candidates = [Candidate(text, occurrence=i) for i, text in enumerate(texts)]
        refused, _ = check_wording(candidates, texts, self.content, RECIPE)
        for candidate in candidates:
            found = refused.get(candidate.id) or check_text(candidate.content, RECIPE.floor, TEXT_RULES)
            if found is not None:
                refused[candidate.id] = found
        reasons = Counter(
            str(reject.reason) for reject in refused.values() if soup_alone or reject.reason not in _OF_ITS_KIND
        )
        return {"items": len(texts), "fell": sum(reasons.values()), "reasons": dict(reasons)}


def measure(name: str, seed: int) -> dict[str, Any]:
    """What falls against one half: four kinds of soup alone, beside good rows, and genuine rows of other sets."""
    known, asked = halves(_rows(name), seed)
    tests, rng = Tests(known), random.Random(f"soup {name} {seed}")
    vocabulary, programs = pieces(), [s.content for s in _rows("code")]
    made: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        texts = [soup(rng, vocabulary, programs, kind) for _ in range(EACH)]
        made[f"soup, {kind}"] = tests.refused(texts, soup_alone=True)
    good = [rng.choice(asked).content.rstrip() for _ in range(EACH)]
    bad = [soup(rng, vocabulary, programs, KINDS[i % len(KINDS)]) for i in range(EACH)]
    pairs = list(zip(good, bad, strict=True))
    made["soup behind a good row"] = tests.refused([f"{row} {other}." for row, other in pairs], soup_alone=True)
    made["soup before a good row"] = tests.refused([f"{other} {row}" for row, other in pairs], soup_alone=True)
    made["its own other half"] = tests.refused([s.content for s in asked], soup_alone=False)
    for other in GENUINE:
        if other != name:
            texts = [s.content for s in rng.sample(_rows(other), EACH)]
            made[f"rows of {other}"] = tests.refused(texts, soup_alone=False)
    return made


def run(options: argparse.Namespace) -> None:
    """Measure and write after each halving, so that a kill loses little."""
    out = Path(options.out)
    found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    for name in REFERENCES:
        for seed in options.seeds:
            key = f"{name}/{seed}"
            if key not in found and options.sets in name:
                found[key] = measure(name, seed)
                out.write_text(json.dumps(found, indent=1), encoding="utf-8")
                print(key, {fault: f"{row['fell']}/{row['items']}" for fault, row in found[key].items()}, flush=True)


def report(options: argparse.Namespace) -> None:
    """Write what was measured into docs/benchmarks.md."""
    found = json.loads(Path(options.found).read_text(encoding="utf-8"))
    names = list(dict.fromkeys(key.rpartition("/")[0] for key in found))
    seeds = sorted({key.rpartition("/")[2] for key in found})
    columns = list(dict.fromkeys(fault for made in found.values() for fault in made))
    rows = []
    for name in names:
        cells = []
        for fault in columns:
            parts = [made[fault] for key, made in found.items() if key.rpartition("/")[0] == name and fault in made]
            items, fell = (sum(part[count] for part in parts) for count in ("items", "fell"))
            cells.append(share(fell, items))
        rows.append((name, *cells))
    body = (
        f"By the tests of wording alone, without an encoder; later stages only refuse more. Halves as above, seeds "
        f"{', '.join(seeds)}, {EACH} texts of a kind and halving, soup of 20 to 60 tokens. Of soup whatever is refused "
        "counts; of genuine rows what is refused for another reason than length or predictability, which have their "
        "own names. In brackets exact 95 % intervals. The bar: at most 10 % of bare soup admitted against the answers "
        "of a large model.\n\n"
    )
    write_section("soup", "Token soup", body + table(["reference", *columns], rows))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("measure")
    one.add_argument("--out", required=True)
    one.add_argument("--sets", default="")
    one.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    one.set_defaults(run=run)
    two = verbs.add_parser("report")
    two.add_argument("found")
    two.set_defaults(run=report)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
