"""Text games from seeds: which game a seed names, how it is built, and how a built game is opened.

The only file of the project that imports textworld, and only inside functions. No play and no recording here.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Protocol

from synthdata.errors import InputError
from synthdata.records import canonical_json, content_hash

# Small worlds: every plan has room for a detour, and a run stays short enough to be read whole.
ROOMS = (2, 3, 4, 5, 6)
OBJECTS = (4, 5, 6, 7, 8, 9, 10)
QUEST_LENGTHS = (3, 4, 5, 6, 7, 8)


class GameState(Protocol):
    """What TextWorld tells after every move; `policy_commands` is empty where it knows no way to the goal."""

    objective: str
    feedback: str
    admissible_commands: list[str]
    policy_commands: Sequence[str]
    won: bool
    score: int
    max_score: int


class Game(Protocol):
    """A game in play."""

    def reset(self) -> GameState:
        """Start over; the state before the first move."""

    def step(self, command: str) -> tuple[GameState, float, bool]:
        """Make a move; the state after it, with TextWorld's score and whether the game is over."""

    def close(self) -> None:
        """End the interpreter."""


def draw(*key: object) -> int:
    """A uniform 48-bit integer that depends on the key alone, in every process and on every platform."""
    return int(content_hash(*(repr(part) for part in key), length=12), 16)


@dataclass(frozen=True, slots=True)
class GameSpec:
    """Everything that TextWorld needs to make one game. `quest_length` is the length of the quest it draws, in moves.

    `adjectives` gives rooms and objects two-part names ("rusty key").
    """

    seed: int
    rooms: int
    objects: int
    quest_length: int
    adjectives: bool

    @property
    def task_id(self) -> str:
        """`textworld-` and 12 hex characters over all fields: two specs with one id are the same game."""
        return "textworld-" + content_hash(canonical_json(asdict(self)), length=12)


def spec_for(seed: int, index: int) -> GameSpec:
    """Game number `index` (from 0) of the series `seed`: sizes, quest length and wording all vary with both."""

    def pick(name: str, options: tuple[int, ...]) -> int:
        return options[draw(name, seed, index) % len(options)]

    return GameSpec(
        seed=draw("game", seed, index) % 2**31,
        rooms=pick("rooms", ROOMS),
        objects=pick("objects", OBJECTS),
        quest_length=pick("quest", QUEST_LENGTHS),
        adjectives=bool(pick("adjectives", (0, 1))),
    )


def load_textworld() -> ModuleType:
    """The textworld package.

    Raises:
        InputError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It and what it imports still hold invalid escapes, of which Python warns when it first compiles them.
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            import textworld
    except ImportError as error:
        raise InputError(
            "playing text games needs the textworld extra: pip install 'synthdata-gate[textworld]'"
        ) from error
    return textworld  # type: ignore[no-any-return]


def textworld_version() -> str:
    """The version that makes the games: another one may make other games from the same seeds."""
    return str(load_textworld().__version__)


def make_game(spec: GameSpec, folder: Path) -> Path:
    """Build the game in `folder` (about a second) and return its `.z8` file; its `.json` lies beside it.

    Raises:
        InputError: textworld is not installed.
    """
    textworld = load_textworld()
    options = textworld.GameOptions()
    options.path = str(folder / f"{spec.task_id}.z8")
    options.nb_rooms = spec.rooms
    options.nb_objects = spec.objects
    options.quest_length = spec.quest_length
    options.quest_breadth = 1
    options.grammar.include_adj = spec.adjectives
    options.seeds = spec.seed
    options.force_recompile = True
    with warnings.catch_warnings():
        # Said of names that had to be numbered or phrases that had to repeat; the game is whole.
        warnings.simplefilter("ignore", textworld.GenerationWarning)
        path, _ = textworld.make(options)
    return Path(path)


def open_game(path: Path) -> Game:
    """Open a built game for play; the caller closes it."""
    textworld = load_textworld()
    jericho = importlib.import_module("jericho")
    requested = textworld.EnvInfos(
        feedback=True,
        objective=True,
        admissible_commands=True,
        policy_commands=True,
        won=True,
        score=True,
        max_score=True,
        facts=True,
    )
    with warnings.catch_warnings():
        # Jericho knows the addresses of commercial games only; TextWorld tracks its own games' state itself.
        warnings.simplefilter("ignore", jericho.UnsupportedGameWarning)
        env = textworld.start(str(path), requested)
    env.seed(0)
    return env  # type: ignore[no-any-return]
