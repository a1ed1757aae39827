"""Real text of both experiments, with no download: docstrings of the standard library, and stories where they lie.

Texts are cleaned to lower-case ASCII words, cut in chunks, deduplicated and split by seed into an anchor that the
models and the gate may see, and a held-out part that only measures.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from synthdata.similarity.exact import exact_key

STORIES = Path(__file__).parents[3] / "shared" / "data" / "text-tinystories-sample" / "creative_fiction.jsonl.gz"
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[^\sa-z\d]")
# Source text holds quotes that were decoded wrongly once; their ASCII meaning is what the models shall see.
_MOJIBAKE = {
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "â€™": "'",
    "â€œ": '"',
    "â€\x9d": '"',
    "â€": '"',
    "—": "-",
    "–": "-",
}
CHUNK_LEAST, CHUNK_MOST = 12, 48


@dataclass(frozen=True)
class Split:
    """Texts of one seed: `anchor` may be trained on and calibrates, `heldout` measures alone."""

    anchor: list[str]
    heldout: list[str]


def words(text: str) -> list[str]:
    """Lower-case words, numbers and punctuation marks."""
    return _TOKEN.findall(text.lower())


def plain(text: str) -> str:
    """ASCII without the marks of a wrong decoding."""
    for wrong, right in _MOJIBAKE.items():
        text = text.replace(wrong, right)
    return text.encode("ascii", "ignore").decode()


@cache
def docstring_chunks() -> tuple[str, ...]:
    """Distinct chunks of 12 to 48 tokens from the docstrings of the standard library, in order of file and place."""
    root = Path(sysconfig.get_paths()["stdlib"])
    chunks: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.relative_to(root).parts):
            continue
        for text in _docstrings(path):
            tokens = words(plain(text))
            for start in range(0, len(tokens), CHUNK_MOST):
                chunk = tokens[start : start + CHUNK_MOST]
                if len(chunk) >= CHUNK_LEAST:
                    joined = " ".join(chunk)
                    chunks.setdefault(exact_key(joined), joined)
    return tuple(chunks.values())


def docstring_split(seed: int, anchor: int = 1500, heldout: int = 1200) -> Split:
    """A seeded split of the docstring chunks."""
    chunks = docstring_chunks()
    order = np.random.default_rng([seed, 1]).permutation(len(chunks))
    return Split([chunks[i] for i in order[:anchor]], [chunks[i] for i in order[anchor : anchor + heldout]])


def stories() -> list[str]:
    """The sample of TinyStories as cleaned lower-case texts.

    Raises:
        FileNotFoundError: the shared data folder does not lie beside the checkout.
    """
    if not STORIES.is_file():
        raise FileNotFoundError(
            f"{STORIES} is absent: E2 needs the TinyStories sample in ../shared/data beside the checkout; E1 does not"
        )
    with gzip.open(STORIES, "rt", encoding="utf-8") as file:
        return [plain(json.loads(line)["text"]).lower() for line in file]


def story_split(seed: int, anchor_stories: int = 800) -> Split:
    """Whole stories, split by seed; windows are cut by the caller, who knows the tokens."""
    texts = stories()
    order = np.random.default_rng([seed, 1]).permutation(len(texts))
    return Split([texts[i] for i in order[:anchor_stories]], [texts[i] for i in order[anchor_stories:]])


def _docstrings(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds))
    return [text for text in found if text]
