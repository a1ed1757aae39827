"""Cells stay near their real shares; contexts outside all cells may fill a small share of each round."""

from __future__ import annotations

from synthdata.gate.state import OUTSIDE, GateState, Item, Reject
from synthdata.records import Reason


def quota(item: Item, state: GateState) -> Reject | None:
    """N_c + 1 <= quota_slack * pi_c * (N + 1) + 1 with pi_c = (real_c + 1)/(real + m); N counts real and admitted."""
    if item.real:
        return None
    settings = state.settings
    if item.cell == OUTSIDE:
        outside, limit = state.round_outside + 1, settings.out_of_distribution_share * (state.round_admitted + 1)
        item.numbers["outside_in_round"] = outside
        if outside <= limit:
            return None
        return Reject(
            Reason.CELL_QUOTA, outside, limit, detail="outside all cells, and such rows fill their share of the round"
        )
    real = state.real_counts
    share = (int(real[item.cell]) + 1) / (state.real_rows + len(real))
    rows, limit = int(state.counts[item.cell]) + 1, settings.quota_slack * share * (state.rows + 1) + 1
    item.numbers |= {"cell_rows": rows, "cell_limit": limit, "cell_real_share": share}
    if rows <= limit:
        return None
    return Reject(Reason.CELL_QUOTA, rows, limit, detail=f"cell {item.cell} is full for a real share of {share:.4f}")
