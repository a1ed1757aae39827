"""Which tokens stand side by side in written files: counts synthdata/judging/neighbours.txt anew.

    python bench/neighbours.py FOLDER...

The shipped table was counted over what a Debian system and the packages of requirements.lock install below /usr/lib,
/usr/share, /usr/include and site-packages: programs in Python, C, JavaScript, Perl, shell and SQL, pages, tables,
settings and documents. It holds rounded log odds of pairs and 200 words, no text. None of the rows that judge the gate
(bench/genuine_sets.py) is among them.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
sys.path[0] = str(ROOT)

from synthdata.judging.neighbours import HIGHEST, LOWEST, STEP, Neighbours, numbered, tokens_of  # noqa: E402

TABLE = ROOT / "synthdata" / "judging" / "neighbours.txt"
# Kinds of files by their endings, and how much each weighs beside the others.
WEIGHTS = {
    "py": 3.0, "js": 2.0, "c": 1.5, "h": 1.0, "md": 2.0, "txt": 2.0, "html": 1.0, "css": 1.0, "rst": 1.0, "json": 1.0,
    "sh": 1.0, "pl": 1.0, "sql": 1.0, "ts": 1.0, "toml": 1.0, "yaml": 1.0, "csv": 1.0, "xml": 1.0, "go": 1.0,
}  # fmt: skip
SAME = {"hpp": "h", "cpp": "c", "yml": "yaml"}
FILES, CHARS, CUT, ENOUGH = 1500, 3_000_000, 8000, 200_000
WORDS, WORD_SHARE, WORD_FILES = 200, 0.02, 0.02
# Pairs that are hardly expected say little: as if each had been met this often as chance has it.
SMOOTHING = 4.0
TWO_WORDS = 1.5


def sample(folders: Sequence[str]) -> dict[str, list[str]]:
    """Parts of files by kind, of every kind about as much."""
    rng = random.Random(5)
    paths: dict[str, list[Path]] = {}
    for folder in folders:
        for place, _, names in os.walk(folder, followlinks=False):
            for name in names:
                ending = name.rpartition(".")[2].lower()
                if (kind := SAME.get(ending, ending)) in WEIGHTS:
                    paths.setdefault(kind, []).append(Path(place) / name)
    return {kind: _parts(sorted(files), rng) for kind, files in sorted(paths.items())}


def _parts(files: list[Path], rng: random.Random) -> list[str]:
    rng.shuffle(files)
    parts: list[str] = []
    for path in files[:FILES]:
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")[:30_000]
        if len(text) > CUT:
            start = rng.randrange(len(text) - CUT)
            text = text[start : start + CUT]
        # Of one long line, which no person wrote, a little is enough.
        parts.append(text[:2000] if max(map(len, text.split("\n"))) > 2000 else text)
        if sum(map(len, parts)) > CHARS:
            break
    return parts


def commonest(parts: Mapping[str, Sequence[str]]) -> list[str]:
    """The words that get a kind of their own: the largest shares of a kind of file, over all of them."""
    shares: Counter[str] = Counter()
    for texts in parts.values():
        found = [[token.lower() for token in tokens_of(text) if token.isalpha() and token.isascii()] for text in texts]
        counts, files = Counter(w for words in found for w in words), Counter(w for words in found for w in set(words))
        every = sum(counts.values())
        for word, count in counts.items():
            if files[word] >= max(2, WORD_FILES * len(texts)):
                shares[word] += min(count / every, WORD_SHARE)  # type: ignore[assignment]
    return [word for word, _ in shares.most_common(WORDS)]


def pair_odds(parts: Mapping[str, Sequence[str]], words: list[str]) -> NDArray[np.float64]:
    """Nats for chance of each pair of kinds."""
    table = Neighbours(numbered(words), [])
    width = len(table.kinds) + 1
    total = np.zeros((width, width))
    for name, texts in parts.items():
        counts = np.zeros((width, width))
        for text in texts:
            kinds = np.array([table.kind(token) for token in tokens_of(text)], dtype=np.int64)
            one, other = kinds[:-1], kinds[1:]
            both = (one >= 0) & (other >= 0)
            np.add.at(counts, (one[both], other[both]), 1)
        if counts.sum():
            total += counts / counts.sum() * min(counts.sum(), ENOUGH) * WEIGHTS[name]
    expected = total.sum(axis=1, keepdims=True) * total.sum(axis=0, keepdims=True) / total.sum()
    odds = -np.log((total + SMOOTHING) / (expected + SMOOTHING))
    # Other languages spell other words alike, so that two words prove less than words and signs; two that are nothing
    # special prove nothing.
    pairs = slice(len(words) + 1), slice(len(words) + 1)
    odds[pairs] = np.minimum(odds[pairs], TWO_WORDS)
    odds[0, 0] = min(odds[0, 0], 0)
    return np.asarray(np.clip(odds, LOWEST, HIGHEST))


def main() -> None:
    """Count and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", nargs="+")
    parts = sample(parser.parse_args().folders)
    words = commonest(parts)
    steps = np.rint((pair_odds(parts, words) - LOWEST) / STEP).astype(int)
    rows = ["".join(chr(ord("a") + step) for step in row) for row in steps.tolist()]
    TABLE.write_text("\n".join([" ".join(words), *rows]) + "\n", encoding="utf-8")
    print({name: (len(texts), sum(map(len, texts))) for name, texts in parts.items()})


if __name__ == "__main__":
    main()
