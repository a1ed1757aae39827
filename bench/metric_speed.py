"""Vendi score, stream and PRDC beside vendi-score and prdc in one interleaved run, with one BLAS thread and with all.

Not called metrics.py: a script's folder comes first on the path, and it would hide the package of that name from
every benchmark beside it.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from prdc import compute_prdc
from report import conditions, table, write_section
from threadpoolctl import threadpool_info, threadpool_limits
from vendi_score import vendi

from metrics import SecondMoment, collision_probability, prdc, vendi_score

D, ROWS, PRDC_ROWS, STEPS, PAUSE = 384, 4000, 2000, 200_000, 0.1
Rows = NDArray[np.float64]
Calls = dict[str, Callable[[], object]]


def unit(n: int, d: int, seed: int) -> Rows:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def interleaved(calls: Calls, repeats: int) -> dict[str, list[float]]:
    """Seconds of each call, one after the other within every repeat, so that all meet the same neighbours.

    The pause lets the threads of the call before fall asleep: they spin for some milliseconds, and numpy's and scipy's
    are two pools, of which one would be measured with the other on its cores.
    """
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """prdc prints and vendi-score warns at every call; both cost them next to nothing."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def compare(threads: int, x: Rows, y: Rows) -> list[list[object]]:
    """One row a rival: what, threads, best and median milliseconds of ours and theirs, and their median over ours."""
    real, fake, part = x[:PRDC_ROWS], y[:PRDC_ROWS], x[:1000]
    what: dict[str, tuple[int, Calls]] = {
        f"Vendi, n = {ROWS:,}, `score_dual`": (25, {"a": lambda: vendi_score(x), "b": lambda: vendi.score_dual(x)}),
        "Vendi, n = 1,000, `score_K`, n x n": (5, {"a": lambda: vendi_score(part), "b": vendi_full(part)}),
        f"PRDC, {PRDC_ROWS:,} rows, `compute_prdc`": (
            5,
            {"a": lambda: prdc(real, fake), "b": lambda: compute_prdc(real, fake, 5)},
        ),
    }
    if threads == 1:
        what[f"Vendi, n = {ROWS:,}, `score_K`, n x n"] = (1, {"a": lambda: vendi_score(x), "b": vendi_full(x)})
    rows: list[list[object]] = []
    for name, (repeats, calls) in what.items():
        with threadpool_limits(threads, user_api="blas"), quiet():
            seconds = interleaved(calls, repeats)
        ours, theirs = ([1e3 * value(seconds[side]) for value in (min, statistics.median)] for side in "ab")
        rows.append([name, threads, *ours, *theirs, theirs[1] / ours[1]])
    return rows


def vendi_full(x: Rows) -> Callable[[], object]:
    return lambda: vendi.score_K(x @ x.T)


def stream_times(threads: int, x: Rows) -> list[list[object]]:
    """One row a stream length: best and median microseconds of one redundancy, of that with the addition, of q = 1."""
    rows: list[list[object]] = []
    for n in (1000, 100_000):
        stream = SecondMoment(D)
        for start in range(0, n, ROWS):
            stream.add(x[: min(ROWS, n - start)])
        fresh = iter(range(10**9))

        def ask(stream: SecondMoment = stream, fresh: Iterator[int] = fresh) -> None:
            for _ in range(100):
                stream.redundancy(x[next(fresh) % ROWS])

        def update(stream: SecondMoment = stream, fresh: Iterator[int] = fresh) -> None:
            for _ in range(100):
                row = x[next(fresh) % ROWS]
                stream.redundancy(row)
                stream.add(row)

        with threadpool_limits(threads, user_api="blas"):
            seconds = interleaved({"ask": ask, "update": update, "read": stream.vendi_score}, 30)
        cells: list[object] = [f"{n:,}", threads]
        for name, scale in (("ask", 1e4), ("update", 1e4), ("read", 1e3)):
            cells += [scale * min(seconds[name]), scale * statistics.median(seconds[name])]
        rows.append(cells)
    return rows


def peak(call: Callable[[], object]) -> float:
    """Most megabytes that the call held beyond what it was given."""
    tracemalloc.start()
    with quiet():
        call()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held / 1e6


def drift(steps: int, d: int = 64) -> tuple[int, float, float]:
    """(most rows held, largest error while rows come, largest while they go) of collision over `steps` single rows."""
    pool, rng = unit(5000, d, 3), np.random.default_rng(4)
    stream, held = SecondMoment(d), list(range(10))
    stream.add(pool[:10])
    most, errors = 10, [0.0, 0.0]
    for step in range(steps):
        if len(held) > 10 and rng.random() < (0.1 if step < steps // 2 else 0.9):
            stream.remove(pool[held.pop(int(rng.integers(len(held))))])
        else:
            held.append(int(rng.integers(len(pool))))
            stream.add(pool[held[-1]])
        most = max(most, len(held))
        if step % (steps // 40) == steps // 40 - 1:
            error = abs(stream.collision_probability() - collision_probability(pool[held]))
            errors[step >= steps // 2] = max(errors[step >= steps // 2], error)
    return most, errors[0], errors[1]


def agreement(x: Rows) -> float:
    """Largest relative difference from vendi-score: its dual form on all rows, its full form on a thousand."""
    part, differences = x[:1000], []
    with quiet():
        for q in (1, 2, 5):
            differences += [
                abs(float(vendi.score_dual(x, q)) / vendi_score(x, q) - 1),
                abs(float(vendi.score_K(part @ part.T, q)) / vendi_score(part, q) - 1),
            ]
    return max(differences)


def memory(x: Rows, y: Rows) -> str:
    """Which memory each needs beside its input, in a sentence."""
    real, fake = x[:PRDC_ROWS], y[:PRDC_ROWS]
    calls: Calls = {
        "ours": lambda: vendi_score(x),
        "`score_dual`": lambda: vendi.score_dual(x),
        "`score_K`": vendi_full(x),
        "our PRDC": lambda: prdc(real, fake),
        "`compute_prdc`": lambda: compute_prdc(real, fake, 5),
    }
    return "Memory beside the input: " + ", ".join(f"{name} {peak(call):.0f} MB" for name, call in calls.items()) + "."


def main() -> None:
    """Measure, print and write the section."""
    machine = conditions()
    x, y = unit(ROWS, D, 0), unit(ROWS, D, 1)
    cores = max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
    threads = sorted({1, cores})
    sides = ["ours, best", "median", "theirs, best", "median", "theirs / ours"]
    times = ["redundancy, best", "median", "with addition, best", "median", "read q = 1, best ms", "median ms"]
    most, coming, going = drift(STEPS)
    paragraphs = [
        f"{machine} Rows are {D} wide and float64, milliseconds; the last column is the quotient of the",
        "medians, whose bar is 1 against `score_dual`. Where other work shares the cores, BLAS with several threads",
        "waits for the slowest at each step, ours and theirs alike: one thread is then the faster setting by far.\n",
        table(["what", "BLAS threads", *sides], [row for count in threads for row in compare(count, x, y)]),
        f"\n{memory(x, y)} Largest relative difference",
        f"from `vendi-score`, both forms, orders 1, 2 and 5: {agreement(x):.1e} (bar: 1e-6).\n",
        "The stream, microseconds a row. Bars: 50 for the redundancy and the addition of a row, whatever the rows",
        "held, and 20 ms for reading `vendi_score(q=1)`.\n",
        table(["rows held", "BLAS threads", *times], [row for count in threads for row in stream_times(count, x)]),
        f"\nOver {STEPS:,} single additions and removals (64 wide, up to {most:,} rows, then down to ten)",
        f"the running collision differed from a recomputation by at most {coming:.1e} while it grew and {going:.1e}",
        "while it shrank (bar: 1e-9).",
    ]
    body = "\n".join(paragraphs)
    print(body)
    write_section("metrics", "Diversity metrics", body)


if __name__ == "__main__":
    main()
