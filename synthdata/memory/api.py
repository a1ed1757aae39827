"""The memory over HTTP: a router for the dashboard's server, JSON for an agent between two tasks. Reads only."""

# Annotations of the endpoint are read by the framework, so they are values here and not text.
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

from synthdata.corpus import CorpusStore
from synthdata.memory.recall import Memory, Scope
from synthdata.protocols import Encoder
from synthdata.text.redaction import redacted

if TYPE_CHECKING:
    from fastapi import APIRouter

MAX_QUERY = 20_000
MAX_LIMIT = 50


def lessons_router(corpus: Path | str, encoder: Encoder | None = None, as_of: int | None = None) -> "APIRouter":
    """`GET /lessons?query=...` with `limit` (at most 50), `task`, `source`, `licence`, `since` and `standing`.

    Answers `{"query", "searched", "lessons": [...]}`, a lesson as `lessons --json` shows it. The memory is opened at
    the first request and again when the corpus has changed; with `as_of` it is that of an earlier round.
    """
    from fastapi import APIRouter, Query

    router = APIRouter()
    current = _current_memory(Path(corpus), encoder, as_of)

    # A plain function: the search is work of the processor, which the framework then keeps off its event loop.
    def lessons(
        query: Annotated[str, Query(min_length=1, max_length=MAX_QUERY)],
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 5,
        task: str = "",
        source: str = "",
        licence: str = "",
        since: Annotated[int, Query(ge=0)] = 0,
        standing: bool = False,
    ) -> dict[str, Any]:
        memory = current()
        recalled = memory.recall(query, limit, Scope(task, source, licence, since, standing))
        return {"query": redacted(query), "searched": len(memory), "lessons": [asdict(item) for item in recalled]}

    router.get("/lessons")(lessons)
    return router


def _current_memory(corpus: Path, encoder: Encoder | None, as_of: int | None) -> Callable[[], Memory]:
    """The memory of the corpus as it is now, opened again only after a commit to one of its tables."""
    lock = Lock()
    known: dict[tuple[int, int], Memory] = {}

    def current() -> Memory:
        store = CorpusStore.open(corpus)
        version = store.decisions_table.version(), store.events_table.version()
        with lock:
            if version not in known:
                memory = Memory.open(store, as_of=as_of, encoder=encoder)
                known.clear()
                known[version] = memory
            return known[version]

    return current
