"""Seconds that each page of the dashboard takes at 1,000 and 100,000 decisions: the first time, and kept.

A corpus is committed to the store directly (see dashboard_corpus.py), hashed vectors of 384 dimensions. `first` is the
first page that is asked for after the corpus has changed, in a process that has shown pages before; `again` is the
median of five after it. Processor seconds stand beside, because a busy machine stretches the others.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from dashboard_corpus import corpus_of
from fastapi.testclient import TestClient
from report import conditions, table, write_section

from synthdata.dashboard.app import link, make_app
from synthdata.dashboard.site import PAGES

SIZES, DIM, AGAIN, BAR = (1_000, 100_000), 384, 5, 1.0
LISTS = {
    "explorer, by reason": "/explorer?reason=cell_quota&page=3",
    "explorer, a search": "/explorer?words=baba",
    "/api/status": "/api/status",
    "/metrics": "/metrics",
    "/version (the poll)": "/version",
}


def taken(pages: TestClient, address: str) -> tuple[float, float]:
    """Wall and processor seconds of one page."""
    wall, processor = time.perf_counter(), time.process_time()
    answer = pages.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address}: {answer.status_code}")
    return time.perf_counter() - wall, time.process_time() - processor


def pages_of(path: Path) -> list[tuple[str, float, float, float, float]]:
    """Name, first wall and processor seconds, and medians of the kept ones, of every page."""
    warm = TestClient(make_app(path), base_url="http://127.0.0.1")
    row = warm.get("/api/decisions?reason=semantic_duplicate").json()["rows"][0]
    addresses = {title.lower(): link(name) for name, title in PAGES.items()} | LISTS
    addresses["a decision"] = link("decision", name=row["id"])
    rows = []
    for name, address in addresses.items():
        # Another application has another reader, which has read nothing yet: what a changed corpus costs.
        taken(warm, address)
        fresh = TestClient(make_app(path), base_url="http://127.0.0.1")
        first = taken(fresh, address)
        again = [taken(fresh, address) for _ in range(AGAIN)]
        rows.append((name, *first, *(statistics.median(item[i] for item in again) for i in (0, 1))))
    return rows


def report(told: str, rows: list[tuple[str, str, float, float, float, float]]) -> str:
    """The section: what the bar says by the clock and by the processor alone, and all pages."""
    large = [row for row in rows if row[0] == f"{SIZES[-1]:,}"]
    missed = [sum(row[column] > BAR for row in large) for column in (2, 3)]
    slowest, dearest = max(large, key=lambda row: row[2]), max(large, key=lambda row: row[3])
    return (
        f"{told} The bar is {BAR:.0f} s a page at {SIZES[-1]:,} decisions, in 30 rounds. By the clock {missed[0]} of "
        f"{len(large)} first pages miss it, the slowest is {slowest[1]} with {slowest[2]:.2f} s; in processor seconds "
        f"{missed[1]} do, the dearest is {dearest[1]} with {dearest[3]:.2f} s. The two differ by what others did on "
        f"the machine. `first` is a page after the corpus has changed, `again` the median of {AGAIN} after it.\n\n"
        + table(["decisions", "page", "first, s", "first, processor s", "again, s", "again, processor s"], rows)
    )


def main() -> None:
    """Make the corpora, ask for the pages, print and write the section."""
    told = conditions()
    rows: list[tuple[str, str, float, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            path = Path(folder) / str(size)
            corpus_of(path, size, dim=DIM)
            rows += [(f"{size:,}", *row) for row in pages_of(path)]
    body = report(told, rows)
    print(body)
    write_section("dashboard", "Pages of the dashboard", body)


if __name__ == "__main__":
    main()
