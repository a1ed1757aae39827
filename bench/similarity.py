"""Duplicates beside the tools that people use for them, in one run: found, wrongly found, seconds and memory.

Semantic: 100,000 vectors with planted near copies, ours (every pair, exactly) beside FAISS flat and semhash. Lexical:
20,000 documents with planted edits at a Jaccard of 0.8 and over, ours (32 x 4 bands, each hit verified) beside
datasketch's own LSH, rensa and the MinHash steps of datatrove, all on the same character shingles and bands. Each
contestant runs in a process of its own, so that its memory and its threads are its own.

semhash, rensa and datasketch come with the extra `dev`. datatrove does not, and wants another xxhash than ours: `pip
install --no-deps --target FOLDER datatrove loguru humanize 'xxhash<4'`, and PYTHONPATH names the folder. Who is not
installed is left out, and that is said.

`--vectors` and `--documents` make a smaller run.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from report import conditions, table, write_section

DIM, THRESHOLD, JACCARD, SHINGLE, PERMUTATIONS, BANDS, SEED = 384, 0.95, 0.8, 5, 128, 32, 0
PLANTED = 0.02
Pairs = set[tuple[int, int]]


def vectors(count: int) -> tuple[NDArray[np.float32], Pairs]:
    """Rows around 300 centres, and 2 % of them again as near copies at cosines from 0.955 to 0.999."""
    rng = np.random.default_rng(SEED)
    copies = int(count * PLANTED)
    plain = count - copies
    x = rng.normal(size=(plain, DIM)) + 1.5 * rng.normal(size=(300, DIM))[rng.integers(300, size=plain)]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    of = rng.choice(plain, size=copies, replace=False)
    aside = rng.normal(size=(copies, DIM))
    aside -= (aside * x[of]).sum(axis=1, keepdims=True) * x[of]
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    cosine = rng.uniform(0.955, 0.999, size=(copies, 1))
    near = cosine * x[of] + np.sqrt(1 - cosine**2) * aside
    return np.vstack([x, near]).astype(np.float32), {(plain + i, int(j)) for i, j in enumerate(of)}


def documents(count: int) -> tuple[list[str], Pairs]:
    """Sentences of 14 random words, 2 % of them again with a word changed; planted is what keeps a Jaccard of 0.8."""
    from synthdata.similarity.shingles import jaccard, shingles

    rng = random.Random(SEED)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 8))) for _ in range(5000)]
    texts = [" ".join(rng.choices(words, k=14)) for _ in range(int(count * (1 - PLANTED)))]
    planted: Pairs = set()
    for of in rng.sample(range(len(texts)), count - len(texts)):
        parts = texts[of].split()
        parts[rng.choice([0, 13])] = rng.choice(words)
        edited = " ".join(parts)
        if jaccard(shingles(texts[of], SHINGLE), shingles(edited, SHINGLE)) >= JACCARD:
            planted.add((len(texts), of))
        texts.append(edited)
    return texts, planted


def ours_semantic(x: NDArray[np.float32]) -> Pairs:
    from synthdata.similarity.pairs import pairs_within

    tiles = pairs_within(x, THRESHOLD)
    return {pair for later, earlier, _ in tiles for pair in zip(later.tolist(), earlier.tolist(), strict=True)}


def faiss_semantic(x: NDArray[np.float32]) -> Pairs:
    import faiss

    index = faiss.IndexFlatIP(DIM)
    index.add(x)
    pairs: Pairs = set()
    for start in range(0, len(x), 1024):
        limits, _, others = index.range_search(x[start : start + 1024], THRESHOLD)
        rows = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits.astype(np.int64)))
        later = rows > others
        pairs.update(zip(rows[later].tolist(), others[later].tolist(), strict=True))
    return pairs


def semhash_semantic(x: NDArray[np.float32]) -> Pairs:
    from semhash import SemHash

    class Given:
        """semhash asks for an encoder; here the vectors are given."""

        def encode(self, texts: list[str], **_: object) -> NDArray[np.float32]:
            raise NotImplementedError

    names = [str(i) for i in range(len(x))]
    index = SemHash.from_embeddings(x, names, model=Given())
    result = index.self_deduplicate(threshold=THRESHOLD)
    return {
        (max(int(row.record), int(other)), min(int(row.record), int(other)))
        for row in result.filtered
        for other, _ in row.duplicates
    }


def ours_lexical(texts: list[str]) -> Pairs:
    from synthdata.settings import GateSettings
    from synthdata.similarity.minhash import LexicalIndex

    index = LexicalIndex(GateSettings(near_jaccard=JACCARD, shingle_chars=SHINGLE))
    sketches = index.sketches(texts)
    index.enter(range(len(texts)), sketches)
    return {(row, other) for row, sketch in enumerate(sketches) for other, _ in index.find(sketch) if other < row}


def trigrams(text: str) -> list[bytes]:
    """The distinct character shingles of a document, as the rivals take them."""
    return list({text[i : i + SHINGLE].encode() for i in range(len(text) - SHINGLE + 1)})


def datasketch_lexical(texts: list[str]) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    sketches = list(MinHash.generator([trigrams(text) for text in texts], num_perm=PERMUTATIONS))
    lsh = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, PERMUTATIONS // BANDS))
    for row, sketch in enumerate(sketches):
        lsh.insert(row, sketch)
    return {(row, other) for row, sketch in enumerate(sketches) for other in lsh.query(sketch) if other < row}


def rensa_lexical(texts: list[str]) -> Pairs:
    from rensa import RMinHash, RMinHashLSH

    tokens = [[shingle.decode() for shingle in trigrams(text)] for text in texts]
    sketches = RMinHash.from_token_sets(tokens, PERMUTATIONS, SEED)
    lsh = RMinHashLSH(threshold=JACCARD, num_perm=PERMUTATIONS, num_bands=BANDS)
    for row, sketch in enumerate(sketches):
        lsh.insert(row, sketch)
    return {(row, other) for row, sketch in enumerate(sketches) for other in lsh.query(sketch) if other < row}


def datatrove_lexical(texts: list[str]) -> Pairs:
    from datatrove.data import Document
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets, MinhashDedupSignature
    from datatrove.utils.logging import logger
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Letters(WordTokenizer):
        """Letters for words: its 5-grams are then the shingles of the others."""

        def word_tokenize(self, text: str) -> list[str]:
            return list(text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(i, i + 1) for i in range(len(text))]

    logger.remove()
    config = MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=PERMUTATIONS // BANDS)
    rows = [Document(text=text, id=str(row)) for row, text in enumerate(texts)]
    with TemporaryDirectory() as name:
        signed, paired = f"{name}/signed", f"{name}/paired"
        MinhashDedupSignature(signed, config, Letters()).run(rows)
        for bucket in range(BANDS):
            MinhashDedupBuckets(signed, paired, config=config).run(None, bucket, BANDS)
        data = b"".join(path.read_bytes() for path in Path(paired).glob("*.dups"))
    return {(max(one, other), min(one, other)) for _, one, _, other in struct.iter_unpack("<4I", data)}


SEMANTIC: dict[str, Callable[[NDArray[np.float32]], Pairs]] = {
    "ours": ours_semantic,
    "faiss": faiss_semantic,
    "semhash": semhash_semantic,
}
LEXICAL: dict[str, Callable[[list[str]], Pairs]] = {
    "ours": ours_lexical,
    "datasketch": datasketch_lexical,
    "rensa": rensa_lexical,
    "datatrove": datatrove_lexical,
}
PACKAGES = {"faiss": "faiss-cpu"}


def true_pairs(texts: list[str], found: Pairs) -> int:
    """How many of these pairs do have a Jaccard over the line."""
    from synthdata.similarity.shingles import jaccard, shingles

    return sum(jaccard(shingles(texts[i], SHINGLE), shingles(texts[j], SHINGLE)) >= JACCARD for i, j in found)


def contest(kind: str, name: str, count: int) -> dict[str, object]:
    """Run one contestant here; what it found and what that took."""
    rows, planted = vectors(count) if kind == "semantic" else documents(count)
    run = SEMANTIC[name] if kind == "semantic" else LEXICAL[name]
    # Imports and first calls are not what is measured.
    run(rows[:300])  # type: ignore[operator]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, worked = time.perf_counter(), time.process_time()
    found = run(rows)  # type: ignore[operator]
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if kind == "semantic":
        x = rows.astype(np.float64)  # type: ignore[union-attr]
        right = sum(float(x[i] @ x[j]) >= THRESHOLD - 1e-5 for i, j in found)
    else:
        right = true_pairs(rows, found)  # type: ignore[arg-type]
    precision = right / len(found) if found else 1.0
    return {
        "name": name, "planted": len(planted), "missed": len(planted - found), "precision": precision,
        "seconds": seconds, "worked": worked, "megabytes": memory,
    }  # fmt: skip


def installed(names: list[str]) -> tuple[list[str], str]:
    """The contestants that can run here, and a sentence about the others."""
    absent = [name for name in names if name != "ours" and find_spec(name) is None]
    for name in absent:
        sys.stderr.write(f"{name} is left out: it is not installed (pip install {PACKAGES.get(name, name)})\n")
    left = f" Not installed and left out: {', '.join(absent)}." if absent else ""
    return [name for name in names if name not in absent], left


def rows_of(kind: str, names: list[str], count: int) -> list[tuple[object, ...]]:
    """A row a contestant, each measured in a fresh process; the last column is its time over ours."""
    made = []
    for name in names:
        command = [sys.executable, __file__, "--only", f"{kind} {name} {count}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        made.append(json.loads(done.stdout.splitlines()[-1]))
    ours = made[0]
    rows = []
    for item in made:
        recall = 1 - item["missed"] / item["planted"]
        name = item["name"]
        label = name if name == "ours" else f"{name} {version(PACKAGES.get(name, name))}"
        numbers = (item["missed"], recall, item["precision"], item["seconds"], item["worked"], item["megabytes"])
        rows.append(
            (label, item["planted"], *numbers, item["seconds"] / ours["seconds"], item["worked"] / ours["worked"])
        )
    return rows


def main() -> None:
    """Measure all, print and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    if asked.only:
        kind, name, count = asked.only.split()
        print(json.dumps(contest(kind, name, int(count))))
        return
    told = conditions()
    columns = [
        "tool",
        "planted",
        "missed",
        "recall",
        "precision",
        "seconds",
        "processor s",
        "MB more",
        "seconds / ours",
        "processor / ours",
    ]
    near, no_near = installed(list(SEMANTIC))
    alike, no_alike = installed(list(LEXICAL))
    semantic = rows_of("semantic", near, asked.vectors)
    lexical = rows_of("lexical", alike, asked.documents)
    body = (
        f"{told}\n\nVectors: {asked.vectors:,} of {DIM} dimensions around 300 centres, near copies at cosines of 0.955 "
        f"to 0.999, threshold {THRESHOLD}. Bar: 3 times as fast as semhash, none missed.{no_near}\n\n"
        + table(columns, semantic)
        + f"\n\nDocuments: {asked.documents:,} of 14 words, character {SHINGLE}-grams, {PERMUTATIONS} permutations, "
        f"{BANDS} bands for all, one word at an end changed. Precision counts pairs of a Jaccard from {JACCARD}; "
        "ours verifies each, the others report what shares a band. Bars: recall 0.97 at precision 0.99, at least as "
        f"fast as datasketch. Where other work shares the cores, processor seconds compare better than "
        f"seconds.{no_alike}\n\n" + table(columns, lexical)
    )
    print(body)
    write_section("similarity", "Duplicates", body)


if __name__ == "__main__":
    main()
