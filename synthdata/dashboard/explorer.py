"""The explorer: decisions by verdict, reason, round and words, and one decision beside its neighbour and its step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from synthdata.dashboard.reading import Reading
from synthdata.dashboard.text import finite
from synthdata.errors import InputError, SynthdataError
from synthdata.monitor.status import explain
from synthdata.monitor.tally import total
from synthdata.records import Reason, Trajectory, Verdict
from synthdata.text.redaction import redacted_json

PAGE_ROWS = 25
# Longer searches find no more and cost as much as they are long.
LONGEST_SEARCH = 200
MOST_QUOTES = 20
_PORTION, _SOURCES = 1000, 50


Order = Literal["newest", "oldest", "score", "low"]
# How each order is called, and the columns that it sorts by with whether they fall; the index comes by round and row,
# and equals keep this order.
ORDERS: dict[Order, str] = {
    "newest": "newest round first",
    "oldest": "oldest round first",
    "score": "highest score first",
    "low": "lowest score first",
}
_SORTED: dict[Order, tuple[list[str], list[bool]]] = {
    "newest": (["round"], [True]),
    "oldest": (["round"], [False]),
    "score": (["score", "round"], [True, True]),
    "low": (["score", "round"], [False, True]),
}
MOST_DOWNLOADED = 10_000


def _open(value: object) -> object:
    return None if value == "" else value


class Search(BaseModel):
    """What to list, as the parameters of an address: a form sends empty strings for what was left open."""

    model_config = ConfigDict(frozen=True)

    words: Annotated[str, Field(max_length=LONGEST_SEARCH)] = ""
    verdict: str = ""
    reason: str = ""
    round: Annotated[int | None, BeforeValidator(_open), Field(ge=1)] = None
    cell: Annotated[int | None, BeforeValidator(_open)] = None
    source: str = ""
    order: Order = "newest"
    page: Annotated[int, Field(ge=1)] = 1


def explorer(reading: Reading, search: Search) -> dict[str, Any]:
    """What `explorer.html` shows: one page of decisions, newest round first.

    Raises:
        InputError: no such verdict or reason.
    """
    selection = select(reading, search)
    pages = max(1, -(-selection.height // PAGE_ROWS))
    page = min(search.page, pages)
    rows = reading.texts(selection.slice((page - 1) * PAGE_ROWS, PAGE_ROWS))
    return {
        "search": search,
        "rows": rows.to_dicts(),
        "total": selection.height,
        "at": page,
        "last": pages,
        "cells": sorted(reading.tally["cell"].drop_nulls().unique().to_list()),
        "sources": list(total(reading.tally, "source").items())[:_SOURCES],
        "orders": ORDERS,
        "most_downloaded": MOST_DOWNLOADED,
        "verdicts": [str(verdict) for verdict in Verdict],
        "reasons": list(total(reading.tally, "reason").items()),
        "numbers": reading.rounds["round"].to_list(),
    }


def select(reading: Reading, search: Search) -> pl.DataFrame:
    """Rows of the index that a search names, newest round first and in their order within it."""
    if search.verdict and search.verdict not in set(map(str, Verdict)):
        raise InputError(f"no verdict {search.verdict!r}; there are {', '.join(map(str, Verdict))}")
    if search.reason and search.reason not in set(map(str, Reason)):
        raise InputError(f"no reason {search.reason!r}; there are {', '.join(map(str, Reason))}")
    selection = reading.index
    filters = {name: getattr(search, name) for name in ("verdict", "reason", "round", "cell", "source")}
    for column, value in filters.items():
        if value not in ("", None):
            selection = selection.filter(pl.col(column) == value)
    if search.words.strip():
        keys = reading.matching(search.words.strip())
        selection = selection.join(keys, on=["round", "row"], how="semi", maintain_order="left")
    columns, falling = _SORTED[search.order]
    return selection.sort(columns, descending=falling, nulls_last=True, maintain_order=True)


def download(reading: Reading, search: Search) -> Iterator[str]:
    """What a search names as JSON lines, at most MOST_DOWNLOADED, without secrets and personal data; by portions."""
    selection = select(reading, search)[:MOST_DOWNLOADED]
    for start in range(0, selection.height, _PORTION):
        for row in reading.texts(selection[start : start + _PORTION]).to_dicts():
            yield json.dumps(redacted_json(finite(row)), ensure_ascii=False) + "\n"


def decision(reading: Reading, name: str) -> dict[str, Any]:
    """What `decision.html` shows: everything that `explain` says, and the step that the reflection speaks of.

    Raises:
        InputError: no such candidate, or several.
    """
    facts = explain(reading.store, name)
    payload = facts["payload"] if isinstance(facts["payload"], dict) else {}
    steps = steps_of(reading, facts["trajectory_id"], payload)
    return {"facts": facts, "review": payload, "steps": steps, "evidence": evidence_of(payload)}


def evidence_of(review: dict[str, Any]) -> list[dict[str, str]]:
    """The quotes of a review; a payload is JSON that anybody may have written, so what is no quote is left out."""
    evidence = review.get("evidence")
    quotes = [item for item in evidence if isinstance(item, dict)] if isinstance(evidence, list) else []
    return [{"step": str(item.get("step_idx"))[:20], "text": str(item.get("quote"))} for item in quotes[:MOST_QUOTES]]


def steps_of(reading: Reading, run: str, review: dict[str, Any]) -> list[dict[str, Any]]:
    """The step in focus and the one before it, as the log has them; none where the run or the focus is not there."""
    focus = review.get("focus")
    if not run or not isinstance(focus, int):
        return []
    try:
        (trajectory,) = reading.store.trajectories([run])
    except SynthdataError:
        # Candidates from a file may name runs that this corpus has never read.
        return []
    return [_plain(trajectory, i) for i in (focus - 1, focus) if 0 <= i < len(trajectory.steps)]


def _plain(run: Trajectory, i: int) -> dict[str, Any]:
    step = run.steps[i]
    fields = {
        "thought": step.thought,
        "action": step.action,
        "tool call": step.call_text,
        "observation": step.observation,
    }
    return {
        "idx": step.idx,
        "role": step.role,
        "name": step.name,
        "fields": {name: text for name, text in fields.items() if text},
    }
