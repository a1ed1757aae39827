"""Cells stay near their real shares, as far as chance allows; contexts outside the reference have their own lane."""

from __future__ import annotations

from synthdata.gate.cells import smoothed_share
from synthdata.gate.chance import rows_at_most, share_at_most
from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def quota(item: Item, state: GateState) -> Reject | None:
    """N_c + 1 <= max(quota_slack * pi_c * (N + 1) + 1, the quantile of chance); N counts real and admitted rows.

    pi_c = (real_c + 1)/(real + m) over the m cells. Chance is Binomial(N + 1, upper bound of pi_c): a cell that real
    rows filled by luck alone would be full for rows as genuine as they are. A context outside the reference waives
    this and takes one of the few places that a round has for such rows.
    """
    if item.real:
        return None
    if item.outside:
        return _outside(item, state)
    settings, real = state.settings, int(state.real_counts[item.cell])
    share = smoothed_share(state.real_counts, item.cell)
    rows, limit = int(state.counts[item.cell]) + 1, settings.quota_slack * share * (state.rows + 1) + 1
    if rows > limit:
        bound = share_at_most(real, state.real_rows, settings.quota_confidence)
        limit = max(limit, rows_at_most(state.rows + 1, bound, settings.quota_quantile))
    item.numbers |= {"cell_rows": rows, "cell_limit": limit, "cell_real_share": share}
    if rows <= limit:
        return None
    held = f"cell {item.cell} holds {rows - 1} of {state.rows} rows"
    detail = f"{held}; its share of real rows is {share:.2%} ({real} of {state.real_rows}), so it may hold {limit:.0f}"
    return Reject(Reason.CELL_QUOTA, rows, limit, detail=detail)


def _outside(item: Item, state: GateState) -> Reject | None:
    rows, limit = state.round_outside + 1, state.settings.out_of_distribution_share * (state.round_admitted + 1)
    item.numbers["outside_in_round"] = rows
    if rows <= limit:
        return None
    full = "such rows fill their share of the round"
    p, alpha = item.numbers.get("novelty_p"), state.settings.alpha_outside
    if p is None:
        return Reject(Reason.OUTSIDE_REFERENCE, rows, limit, detail=f"outside all cells, and {full}")
    detail = f"no real context is as near as real ones are to each other (p = {p:.4f}), and {full}"
    return Reject(Reason.OUTSIDE_REFERENCE, p, alpha, detail=detail)
