"""Whether an adapter that learnt from its own moves is kept: non-inferiority to the model before, and a gain."""

from __future__ import annotations

from collections.abc import Mapping

from synthdata.consolidation.keep_rule import FORGETTING, KeepDecision, Paired

# Share of held-out states whose first choice is a best move; the same beside a control that learnt as many own moves
# drawn by hash; the chance that lies on best moves; games won; and best moves in a second exam, which the rule below
# does not read: what it keeps is seen there as it is.
BEST_MOVES, BEST_MOVES_BESIDE, CHANCE, WON = "best_moves", "best_moves_beside_control", "chance_on_best", "games_won"
SECOND = "best_moves_second_exam"


def decide_practice(measured: Mapping[str, Paired], harm_margin: float, forget_margin: float) -> KeepDecision:
    """`helps` if best moves rose for certain, `no harm` if they did not fall by the margin and beat the control.

    `harm_margin` is a share of best moves, `forget_margin` nats a token on texts of old knowledge. An adapter that is
    no better than one from random moves has learnt nothing that its labels told, so it is kept only if it is better
    than the model before.
    """
    gain, beside, old = measured[BEST_MOVES], measured[BEST_MOVES_BESIDE], measured[FORGETTING]
    against = []
    if gain.low <= -harm_margin:
        against.append(f"{BEST_MOVES} may have fallen by more than {harm_margin:g}: {_interval(gain)}")
    if not (gain.better or beside.better):
        against.append(
            f"{BEST_MOVES} did not rise for certain: {_interval(gain)}, nor is it better for certain than after as "
            f"many own moves drawn at random: {_interval(beside)}"
        )
    if beside.worse:
        against.append(f"{BEST_MOVES_BESIDE}: as many own moves drawn at random are better: {_interval(beside)}")
    if old.high > forget_margin:
        against.append(f"{FORGETTING} may have risen by more than {forget_margin:g}: {_interval(old)}")
    if WON in measured and measured[WON].worse:
        against.append(f"{WON} got worse: {_interval(measured[WON])}")
    if against:
        return KeepDecision("rolled back", tuple(against))
    summary = f"{BEST_MOVES}: {_interval(gain)}; beside as many own moves drawn at random: {_interval(beside)}"
    return KeepDecision("helps" if gain.better else "no harm", (summary,))


def _interval(one: Paired) -> str:
    return f"{one.before:.3f} to {one.after:.3f}, {one.difference:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"
