"""TextWorld's games behind the protocol of worlds: one tool, `play`, whose argument is the command."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthdata.play.games import Game, GameSpec, GameState, make_game, open_game, spec_for, textworld_version
from synthdata.play.record import clean
from synthdata.worlds.environment import Action, Answer, Seen

COMMAND = {
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}


class TextGames:
    """See `Environment`. A seed is the number of a game in the series `series`; its making takes about a second."""

    name = "textworld"
    kind = "quest"
    rules = ""
    tools: Sequence[Mapping[str, Any]] = (
        {"type": "function", "function": {"name": "play", "description": "Type a command.", "parameters": COMMAND}},
    )

    def __init__(self, series: int = 0) -> None:
        self.series = series
        self._game: Game | None = None
        self._spec: GameSpec | None = None

    @property
    def version(self) -> str:
        """TextWorld's."""
        return textworld_version()

    @property
    def spec(self) -> Mapping[str, object]:
        """The series."""
        return {"series": self.series}

    @property
    def task_id(self) -> str:
        """The game's."""
        assert self._spec is not None, "reset comes first"
        return self._spec.task_id

    @property
    def task(self) -> str:
        """The game's objective."""
        return self._objective

    def reset(self, seed: int) -> Seen:
        """Make the game, unless it is open already, and start it."""
        spec = spec_for(self.series, seed)
        if self._game is None or spec != self._spec:
            self.close()
            # The interpreter reads the game's file again at each start.
            self._folder = tempfile.TemporaryDirectory(prefix="synthdata-game-")
            self._game = open_game(make_game(spec, Path(self._folder.name)))
            self._spec = spec
        return self._start()

    def _start(self) -> Seen:
        self._state: GameState = self._open.reset()
        self._objective = self._state.objective.strip()
        self._seen = Seen(clean(self._state.feedback, self._objective))
        return self._seen

    @property
    def _open(self) -> Game:
        assert self._game is not None, "reset comes first"
        return self._game

    @property
    def _over(self) -> bool:
        return self._state.won or not self._state.policy_commands

    def observe(self) -> Seen:
        """What the game said last: looking by a command would be a move."""
        return self._seen

    def actions(self) -> tuple[Action, ...]:
        """The admissible commands."""
        return (
            () if self._over else tuple(Action.of("play", command=c) for c in sorted(self._state.admissible_commands))
        )

    def step(self, action: Action) -> Answer:
        """Type the command; one that the game does not admit is refused by us, for the engine may take it as a move."""
        command = action.values.get("command")
        if action.name != "play" or command not in self._state.admissible_commands or self._over:
            return Answer(Seen("Error: that is not a command here"), "error", self._over)
        self._state, _, _ = self._open.step(command)
        self._seen = Seen(clean(self._state.feedback))
        return Answer(self._seen, over=self._over)

    def score(self) -> float:
        """1 where the game is won."""
        return float(bool(self._state.won))

    def plan(self) -> tuple[Action, ...] | None:
        """TextWorld's plan."""
        if self._state.won:
            return ()
        return tuple(Action.of("play", command=command) for command in self._state.policy_commands) or None

    def restore(self, prefix: Sequence[Action]) -> Seen:
        """From the beginning: a game is played in milliseconds."""
        self._start()
        for action in prefix:
            self.step(action)
        return self._seen

    def close(self) -> None:
        """End the interpreter."""
        if self._game is not None:
            self._game.close()
            self._folder.cleanup()
            self._game = None
