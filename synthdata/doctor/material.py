"""What faults are planted with: paragraphs of real prose, lessons in many wordings, runs of an agent."""

from __future__ import annotations

import ast
import random
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from synthdata.api import Corpus
from synthdata.errors import InputError
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Observation, Origin, Step, ToolCall, Trajectory
from synthdata.settings import Settings

REFERENCE_ROWS, ROUND_ROWS, SEED = 240, 50, 0
# More paragraphs than any stage needs; reading all files of the library would take some seconds.
_ENOUGH = 2500
LESSON = (
    "Before the agent promises a refund it should look up the fare class of the booking, because basic economy tickets "
    "cannot be refunded at all."
)


def texts(count: int) -> list[str]:
    """Distinct paragraphs of 12 to 60 words from the standard library's docstrings, in a seeded order.

    Raises:
        InputError: there are fewer.
    """
    library = list(_library())
    if len(library) < count:
        raise InputError(f"the standard library here has {len(library)} usable paragraphs; {count} are needed")
    random.Random(SEED).shuffle(library)
    return library[:count]


@cache
def _library() -> tuple[str, ...]:
    sentences: dict[str, None] = {}
    for text in _paragraphs():
        sentences.setdefault(text)
        if len(sentences) == _ENOUGH:
            break
    return tuple(sentences)


def _paragraphs() -> Iterator[str]:
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.glob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        for text in (ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)):
            for paragraph in (text or "").split("\n\n"):
                words = paragraph.split()
                if 12 <= len(words) <= 60 and paragraph.isascii() and ">>>" not in paragraph:
                    yield " ".join(words)


def wordings(count: int) -> list[str]:
    """The lesson in so many wordings: some words out of their place, two foreign words put in."""
    rng = random.Random(SEED)
    return [_varied(LESSON, rng, 6, 2) for _ in range(count)]


def edits(count: int) -> list[str]:
    """The lesson with one foreign word put in somewhere."""
    rng = random.Random(SEED)
    return [_varied(LESSON, rng, 0, 1) for _ in range(count)]


def frames(count: int) -> list[str]:
    """One sentence with ever new numbers in it."""
    rng = random.Random(SEED)
    numbers = rng.sample(range(1000, 9999), 2 * count)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return [f"Order {a} was refunded, though line {b} of the policy says that it must be kept." for a, b in pairs]


def _varied(text: str, rng: random.Random, moved: int, foreign: int) -> str:
    words = text.split()
    for _ in range(moved):
        words.insert(rng.randrange(len(words)), words.pop(rng.randrange(len(words))))
    for word in rng.sample(_foreign(), foreign):
        words.insert(rng.randrange(len(words)), word)
    return " ".join(words)


@cache
def _foreign() -> tuple[str, ...]:
    return tuple(sorted({word for text in texts(100) for word in text.split() if word.isalpha()}))


def run_of(number: int, trial: int = 0) -> Trajectory:
    """A run that asks for a record that is not there, then for the right one, and fails all the same.

    Trials of a number have the same task and end, and ask for another wrong record.
    """
    rng = random.Random(SEED * 1000 + number)
    right, thing = rng.randrange(5000, 9999), rng.choice(("invoice", "parcel", "ticket", "booking", "permit", "policy"))
    wrong = random.Random(f"{number} {trial}").randrange(1000, 5000)
    steps = []
    for idx, (key, answer) in enumerate(
        ((wrong, f"Error: {thing} {wrong} not found in the archive"), (right, f"{thing} {right}: open, due in May"))
    ):
        call = ToolCall(f"get_{thing}", f'{{"{thing}_id": "{key}"}}', f"c{idx}")
        steps.append(Step(idx, "agent", tool_calls=(call,), observations=(Observation(answer, f"c{idx}"),)))
    task = f"Find out when {thing} number {right} of customer {number} is due and write it down."
    return Trajectory(task, tuple(steps), task_id=f"task {number}", success=False, source="doctor", origin=Origin.REAL)


def text_corpus(path: Path, reference: Sequence[str], settings: Settings) -> Corpus:
    """A one-view corpus on paragraphs; wording.py alone asks a language model, which takes a second a row."""
    settings = settings.with_value("recipe.floor.fluency_model", "none")
    rows = [ReferenceRow(text, "", f"paragraph {i}") for i, text in enumerate(reference)]
    return Corpus.init(path, rows, settings=settings)


def cheap(settings: Settings) -> Settings:
    """Where texts are told apart by words alone, their vectors may be hashed; no language model reads them."""
    hashed = settings.with_value("recipe.encoder.backend", "hashing").with_value("recipe.encoder.dim", 96)
    return hashed.with_value("recipe.floor.fluency_model", "none")
