"""`admit` of 10,000 candidates of which 6,000 are copies: what each kind of copy falls for, and the same file again.

4,000 texts (answers of five models to 805 prompts), 3,000 exact copies, 2,000 light edits (a word left out, one twice,
other case and punctuation) and 1,000 machine paraphrases of essays that are among the texts. The reference is the
answers of three other models to the same prompts. Needs the data sets beside a development checkout.
"""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from report import conditions, table, write_section

DATA = Path(__file__).parents[2] / "shared" / "data"
COMMAND = (sys.executable, "-c", "from synthdata.cli import main; main()")
MODELS = ("alpaca-7b", "falcon-7b-instruct", "phi-2", "text_davinci_003", "llama-2-70b-chat-hf")
REFERENCE = ("gpt4_1106_preview", "claude-2.1", "Mixtral-8x7B-Instruct-v0.1")
WORDS, SEED = 80, 0
Row = dict[str, str]


def read(path: Path) -> list[str]:
    """Texts of a JSON list of strings, or of the answers in it, cut to their first words."""
    rows = json.loads(gzip.decompress(path.read_bytes()))
    return [" ".join((row if isinstance(row, str) else row["output"]).split()[:WORDS]) for row in rows]


def edited(text: str, rng: random.Random) -> str:
    """A light edit that leaves the meaning: one word out, one twice, a full stop for a comma, a capital."""
    words = text.split()
    del words[rng.randrange(len(words))]
    twice = rng.randrange(len(words))
    words.insert(twice, words[twice])
    return " ".join(words).replace(",", ".", 1).capitalize() + " "


def candidates() -> list[Row]:
    """The 10,000 rows in a seeded order; `id` tells the kind."""
    rng = random.Random(SEED)
    answers = [text for model in MODELS for text in read(DATA / "div-alpaca-eval" / f"{model}.json.gz")]
    pool = list(dict.fromkeys(text for text in answers if len(text.split()) >= 12))
    essays, paraphrases = ([*first, *second] for first, second in (halves("essays"), halves("dipper")))
    rng.shuffle(pool)
    texts = [*pool[: 4000 - len(essays)], *essays]
    if len(texts) != 4000 or len(paraphrases) != 1000:
        raise SystemExit(f"{len(texts)} texts and {len(paraphrases)} paraphrases; 4,000 and 1,000 are wanted")
    rows = [{"id": f"text-{i}", "content": text} for i, text in enumerate(texts)]
    copied = [rng.randrange(len(texts)) for _ in range(5000)]
    rows += [{"id": f"copy-{n}-{i}", "content": texts[n]} for i, n in enumerate(copied[:3000])]
    rows += [{"id": f"edit-{n}-{i}", "content": edited(texts[n], rng)} for i, n in enumerate(copied[3000:])]
    rows += [{"id": f"paraphrase-{i}", "content": text} for i, text in enumerate(paraphrases)]
    rng.shuffle(rows)
    return rows


def halves(kind: str) -> tuple[list[str], list[str]]:
    """Two passages of each essay, its beginning and its end, so that 500 pairs make 1,000."""
    path = DATA / "dup-outfox-dipper-chatgpt" / f"chatgpt_{kind}.json.gz"
    words = [text.split() for text in json.loads(gzip.decompress(path.read_bytes()))]
    return [" ".join(row[:WORDS]) for row in words], [" ".join(row[-WORDS:]) for row in words]


def synthdata(*arguments: object) -> tuple[str, float]:
    """Standard output of a command that must succeed, and its seconds."""
    start = time.monotonic()
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout, time.monotonic() - start


def by_kind(corpus: Path) -> Counter[tuple[str, str]]:
    """Rows by kind and by reason, or by verdict where they were admitted."""
    import polars as pl

    from synthdata.api import Corpus

    frame = Corpus.open(corpus).store.decisions(["external_id", "verdict", "reason"])
    kinds = frame["external_id"].str.split("-").list.first()
    what = pl.select(
        pl.when(frame["verdict"] == "admit").then(pl.lit("admitted")).otherwise(frame["reason"])
    ).to_series()
    return Counter(zip(kinds, what, strict=True))


def admitted_twice(corpus: Path) -> int:
    """Texts of which two or more of text, copies and edits were admitted."""
    from synthdata.api import Corpus

    names = Corpus.open(corpus).store.admitted(columns=["external_id"])["external_id"]
    texts = Counter(name.split("-")[1] for name in names if not name.startswith("paraphrase"))
    return sum(count > 1 for count in texts.values())


def main() -> None:
    """Make the files, run the commands, print and write the section."""
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is absent: this benchmark needs the data sets of a development checkout")
    told = conditions()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, corpus = candidates(), folder / "corpus"
        real = [
            {"content": text} for model in REFERENCE for text in read(DATA / "div-alpaca-eval" / f"{model}.json.gz")
        ]
        for file, lines in (("candidates", rows), ("real", real)):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        synthdata("init", corpus, "--reference", folder / "real.jsonl")
        first, seconds = synthdata("admit", corpus, folder / "candidates.jsonl", "--json")
        before, _ = synthdata("verify", corpus, "--digest")
        again, repeat = synthdata("admit", corpus, folder / "candidates.jsonl", "--json")
        after, _ = synthdata("verify", corpus, "--digest")
        report, second, kinds = json.loads(first), json.loads(again), by_kind(corpus)
        twice = admitted_twice(corpus)
    if sum(report["counts"].values()) != len(rows) or sum(kinds.values()) != len(rows):
        raise SystemExit(f"counts do not add up to {len(rows)}: {report['counts']}")
    if before != after or sum(second["counts"].values()):
        raise SystemExit("the same file again changed the corpus")
    names = ("text", "copy", "edit", "paraphrase")
    reasons = sorted({reason for _, reason in kinds}, key=lambda reason: -sum(kinds[name, reason] for name in names))
    body = (
        f"{told} {len(real):,} real answers as reference; {seconds:.0f} s for 10,000 candidates, embedding included. "
        f"The same file again: {second['already_decided']:,} already decided, nothing admitted, no row added, the same "
        f"digest, {repeat:.1f} s.\n\n"
        + table(
            ["verdict or reason", *names], [(reason, *(kinds[name, reason] for name in names)) for reason in reasons]
        )
        + "\n\nOf a text and its copies whichever comes first in the canonical order stands for all: a `copy` that is "
        f"admitted has its `text` among the exact duplicates. Of {twice} of the 4,000 texts two forms were admitted."
    )
    print(body)
    write_section("admit", "Ten thousand candidates, six thousand copies", body)


if __name__ == "__main__":
    main()
