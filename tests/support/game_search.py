"""How far a game is from its goal, by brute force over its logic: the truth that plans and replays must meet."""

from __future__ import annotations


def shortest(state, game, limit: int) -> int | None:
    """Moves to the goal by breadth-first search over all applicable actions, None if there are more than `limit`."""
    goals = [event for quest in game.quests for event in quest.win_events]
    rules, constants = game.kb.rules.values(), game.kb.types.constants_mapping
    seen, frontier = {frozenset(state.facts)}, [state]
    for depth in range(limit + 1):
        if any(goal.is_triggering(state) for state in frontier for goal in goals):
            return depth
        reached = []
        for state in frontier:
            for action in state.all_applicable_actions(rules, constants):
                after = state.copy()
                after.apply(action)
                if (facts := frozenset(after.facts)) not in seen:
                    seen.add(facts)
                    reached.append(after)
        frontier = reached
    return None


def progress(state, limit: int) -> int | None:
    tracked = state["_game_progression"]
    return shortest(tracked.state.copy(), tracked.game, limit)
