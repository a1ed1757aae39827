"""An episode as an ATIF v1.7 document: what the agent saw and did; in `extra` what only world and guard know.

Each agent step's `extra` has `optimal` (the shortest plan became shorter; absent where it failed for the moment),
`left` (its length after the step), the `refused` rule and the `recovery` events before it. `extra.world` holds what
`replay` needs to make the run again.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

from synthdata.play.record import LICENCE, SCHEMA, Run
from synthdata.records import canonical_json, content_hash
from synthdata.worlds.environment import Environment, Seen
from synthdata.worlds.episode import Done, Episode
from synthdata.worlds.players import Player


def document(
    world: Environment, seed: int, player: Player, run: Run, episode: Episode, pictures: str = "pictures"
) -> dict[str, Any]:
    """The run as JSON values; `session_id` names the run, not what happened in it.

    It is a success if the goal was reached. Its pictures (see `pictures_of`) are parts of what was seen, by paths in
    the folder `pictures` beside the document.
    """
    identity = [world.name, dict(world.spec), seed, player.name, player.model, run.epsilon, run.episode, run.seed]
    steps, places = _steps(world, episode, pictures)
    refused = [done.refusal.rule for done in episode.done if done.refusal]
    events = [event.kind for done in episode.done for event in done.events] + [e.kind for e in episode.events]
    extra = {
        "success": episode.score == 1,
        "score": episode.score,
        "plan_length": episode.plan,
        "moves": len(episode.done),
        "ended": episode.ended,
        "reason": episode.reason,
        "refusals": {rule: refused.count(rule) for rule in sorted(set(refused))},
        "recoveries": {kind: events.count(kind) for kind in sorted(set(events))},
        "task_id": world.task_id,
        "kind": world.kind,
        "source": world.name,
        "licence": LICENCE,
        "epsilon": run.epsilon,
        "episode": run.episode,
        "seed": run.seed,
        "world": {"name": world.name, "version": world.version, "seed": seed, **world.spec, **places},
    }
    return {
        "schema_version": SCHEMA,
        "session_id": "play-" + content_hash(canonical_json(identity)),
        "agent": {
            "name": player.name,
            "version": player.version,
            "model_name": player.model,
            "tool_definitions": list(world.tools),
        },
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
        "final_metrics": {"total_steps": len(steps)},
        "extra": extra,
    }


def pictures_of(episode: Episode) -> dict[str, bytes]:
    """The PNG files of an episode by their names, which their content gives."""
    seen = (episode.opening, *(done.answer.seen for done in episode.done))
    return {_picture_name(one): one.picture for one in seen if one.picture}


def _picture_name(seen: Seen) -> str:
    return hashlib.sha256(seen.picture).hexdigest()[:16] + ".png"


def _content(seen: Seen, pictures: str) -> str | list[dict[str, Any]]:
    """What was seen, as ATIF has it: a text, or parts."""
    if not seen.picture:
        return seen.text
    source = {"media_type": "image/png", "path": f"{pictures}/{_picture_name(seen)}"}
    return [{"type": "text", "text": seen.text}, {"type": "image", "source": source}]


def _steps(world: Environment, episode: Episode, pictures: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The steps; and which of them, by index, the world never heard of or were followed by a way back, to how many."""
    steps: list[dict[str, Any]] = []
    if world.rules:
        steps.append({"source": "system", "message": world.rules})
    steps.append({"source": "user", "message": world.task})
    if episode.opening.text:
        seen = {"results": [{"content": _content(episode.opening, pictures)}]}
        steps.append({"source": "system", "message": "", "observation": seen})
    refused, restored = [], {}
    for number, done in enumerate(episode.done, start=1):
        if done.refusal:
            refused.append(len(steps))
        if done.kept is not None:
            restored[str(len(steps))] = done.kept
        steps.append(_agent(done, number, pictures))
        if done.kept is not None:
            steps.append({"source": "system", "message": f"{done.why_back} {_way_back(done.kept)}"})
    return steps, {"refused": refused, "restored": restored}


def _way_back(kept: int) -> str:
    where = f"after action {kept} that was carried out" if kept else "at the beginning"
    return f"Everything is put back to the state {where}; try something else."


def _agent(done: Done, number: int, pictures: str) -> dict[str, Any]:
    name = f"call_{number}"
    extra: dict[str, Any] = {"left": done.after, "score": done.score}
    if done.answer.failed != "transient":
        # A call that was right and came at a bad moment is neither good nor bad.
        shorter = done.after is not None and done.before is not None and done.after < done.before
        extra["optimal"] = done.carried_out and shorter
    if done.refusal:
        extra["refused"] = done.refusal.rule
    if done.events:
        extra["recovery"] = [asdict(event) for event in done.events]
    if done.answer.failed:
        extra["failed"] = done.answer.failed
    thought = {"reasoning_content": done.thought} if done.thought else {}
    return {
        "source": "agent",
        "message": "",
        **thought,
        "tool_calls": [
            {
                "tool_call_id": name,
                "function_name": done.action.name,
                "arguments": done.action.values or done.action.arguments,
            }
        ],
        "observation": {"results": [{"source_call_id": name, "content": _content(done.answer.seen, pictures)}]},
        "extra": extra,
    }
