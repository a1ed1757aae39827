"""The part of the floor that asks a language model; it is dear, and so comes last of what looks at a text alone."""

from __future__ import annotations

from synthdata.gate.state import GateState, Item
from synthdata.records import Reason, Reject


def fluency(item: Item, state: GateState) -> Reject | None:
    """Contents that a language model finds far less likely than real ones, or far more; skipped without a model."""
    band = state.content.fluency
    if state.likelihood is None or band is None:
        return None
    loss = float(state.likelihood([state.text_of(item.candidate)[0]])[0])
    item.numbers["fluency_loss"] = loss
    if loss > band.high:
        detail = f"{loss:.2f} nats a token to a language model, real contents have at most {band.high:.2f}"
        return Reject(Reason.GIBBERISH, loss, band.high, detail=detail)
    if loss < band.low:
        detail = f"{loss:.2f} nats a token to a language model, real contents have at least {band.low:.2f}"
        return Reject(Reason.LOOP, loss, band.low, detail=detail)
    return None
