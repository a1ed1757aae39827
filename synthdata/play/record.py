"""Plays one run of a game and writes down what happened as an ATIF v1.7 document.

The rules of a run (its cap, when it counts as a success, how observations are cleaned, which move is optimal) are all
here. Which runs are played and where they are stored is not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from synthdata.play.games import Game, GameSpec
from synthdata.play.players import Player, View, explore
from synthdata.records import canonical_json, content_hash

SCHEMA = "ATIF-v1.7"
LICENCE = "Apache-2.0"
SOURCE = "textworld"

_STATUS = re.compile(r"\n>[^\n]*\Z")
_QUESTION = "Would you like to RESTART, RESTORE a saved game, QUIT or UNDO the last command?"
_BLANKS = re.compile(r"\n{3,}")


def allowed_moves(plan: int) -> int:
    """How many moves a success may take: 1.5 times the length of the plan, rounded down."""
    return plan * 3 // 2


def cap_moves(plan: int) -> int:
    """After how many moves a run that has not won is stopped: twice the plan, and at least four more than it."""
    return max(2 * plan, plan + 4)


def clean(feedback: str, objective: str = "") -> str:
    """What the game said, without what its terminal added.

    Removed are the prompt with its status line at the end, the question that follows the end of a game, and in an
    opening scene all up to the objective (the banner; the objective is the task already). Lines lose their outer
    spaces and runs of blank lines become one. All else is verbatim.
    """
    text = _STATUS.sub("", feedback.rstrip()).replace(_QUESTION, "")
    if objective:
        text = text.partition(objective)[2] or text
    lines = (line.strip() for line in text.splitlines())
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


@dataclass(frozen=True, slots=True)
class Run:
    """Which run of a game this is: `epsilon` in [0, 1] is the share of moves drawn at random."""

    epsilon: float
    episode: int
    seed: int


@dataclass(frozen=True, slots=True)
class Move:
    """One move. `optimal`: the plan that was left became shorter by it; `score` is the game's after it."""

    command: str
    answer: str
    optimal: bool
    score: int
    admissible: tuple[str, ...]


def play(env: Game, spec: GameSpec, player: Player, run: Run) -> dict[str, Any]:
    """One run on an open game, as an ATIF v1.7 document of JSON values; the same arguments give the same document.

    A run ends when it has won, at `cap_moves`, or where TextWorld knows no plan any more (something the goal needs was
    eaten). It is a success if it won within `allowed_moves`.
    """
    state = env.reset()
    objective = state.objective.strip()
    opening = clean(state.feedback, objective)
    plan = len(state.policy_commands)
    moves: list[Move] = []
    while not state.won and state.policy_commands and len(moves) < cap_moves(plan):
        transcript = (("", opening), *((m.command, m.answer) for m in moves))
        view = View(objective, transcript, tuple(state.admissible_commands), tuple(state.policy_commands))
        key = (run.seed, spec.task_id, player.name, player.model, run.epsilon, run.episode, len(moves))
        command = explore(player.choose(view), view.admissible, run.epsilon, key)
        state, _, _ = env.step(command)
        closer = state.won or 0 < len(state.policy_commands) < len(view.policy)
        moves.append(Move(command, clean(state.feedback), closer, int(state.score), view.admissible))
    ended = "won" if state.won else "out_of_moves" if state.policy_commands else "unwinnable"
    outcome = {
        "success": ended == "won" and len(moves) <= allowed_moves(plan),
        "score": moves[-1].score if moves else 0,
        "max_score": int(state.max_score),
        "plan_length": plan,
        "moves": len(moves),
        "allowed_moves": allowed_moves(plan),
        "cap_moves": cap_moves(plan),
        "ended": ended,
    }
    return document(spec, player, run, [_task(objective), _opening(opening), *map(_agent, moves)], outcome)


def document(
    spec: GameSpec, player: Player, run: Run, steps: list[dict[str, Any]], outcome: dict[str, Any]
) -> dict[str, Any]:
    """The ATIF envelope around the steps; `session_id` names the run, not what happened in it."""
    identity = [spec.task_id, player.name, player.model, run.epsilon, run.episode, run.seed]
    return {
        "schema_version": SCHEMA,
        "session_id": "play-" + content_hash(canonical_json(identity)),
        "agent": {"name": player.name, "version": player.version, "model_name": player.model},
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
        "final_metrics": {"total_steps": len(steps)},
        "extra": {
            **outcome,
            "task_id": spec.task_id,
            "source": SOURCE,
            "licence": LICENCE,
            "epsilon": run.epsilon,
            "episode": run.episode,
            "seed": run.seed,
            "game": {
                "seed": spec.seed,
                "rooms": spec.rooms,
                "objects": spec.objects,
                "quest_length": spec.quest_length,
                "adjectives": spec.adjectives,
            },
        },
    }


def _task(objective: str) -> dict[str, Any]:
    return {"source": "user", "message": objective}


def _opening(scene: str) -> dict[str, Any]:
    return {"source": "system", "message": "", "observation": {"results": [{"content": scene}]}}


def _agent(move: Move) -> dict[str, Any]:
    return {
        "source": "agent",
        "message": move.command,
        "observation": {"results": [{"content": move.answer}]},
        "extra": {"optimal": move.optimal, "score": move.score, "admissible": list(move.admissible)},
    }
