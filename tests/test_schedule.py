"""A schedule: what makes no sense is refused at once, and a tick comes due, is made once and can be read in a list."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import synthdata

from flows.schedule import Plan, keep_running
from synthdata.cli.operate import seconds_of
from synthdata.corpus import CorpusStore
from synthdata.corpus.verify import verify
from synthdata.errors import InputError, LockedError
from synthdata.operations.reflect import round_lock

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))
import schedule as bench


@pytest.mark.parametrize("when", [{}, {"cron": "0 3 * * *", "seconds": 60.0}])
def test_a_plan_has_one_schedule(when):
    with pytest.raises(InputError, match="either --cron or --interval"):
        Plan("c", "logs", **when)


@pytest.mark.parametrize("value", ["soon", "10", "5 weeks", "-3m"])
def test_an_interval_is_a_number_and_a_unit(value):
    with pytest.raises(InputError, match="--interval"):
        seconds_of("--interval", value)


def test_units_are_those_of_a_clock():
    assert [seconds_of("--interval", text) for text in ("90s", "15m", "6h", "1d")] == [90, 900, 21600, 86400]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schedule")
    bench.prepare(folder)
    return folder


def test_two_rounds_on_one_corpus_do_not_pay_for_the_same_reflections(prepared):
    tmp_path = prepared
    store = CorpusStore.open(tmp_path / "c")
    with round_lock(store).held():
        done = synthdata("run", tmp_path / "c", "--trajectories", tmp_path / "logs", "--plain")
        with store.writing():
            pass  # a round that waits for its model does not keep others from writing
    assert done.returncode == 75
    assert "makes a round on it" in done.stderr
    assert str(os.getpid()) in done.stderr
    assert store.latest_round() == 0


def test_what_the_benchmark_calls_a_fault(prepared):
    store = CorpusStore.open(prepared / "c")
    twice = [bench.Tick("", "done", "Completed", "round 1: 3 of 9 candidates admitted")] * 2
    assert "round 1 was made by 2 ticks" in bench.faults(store, twice)
    assert bench.faults(store, []) == []


def test_a_tick_that_nobody_made_a_run_for_is_listed():
    due = ["10:00:00", "10:01:00", "10:04:00"]
    listed = bench.with_missed([bench.Tick(at, "done", "Completed", "") for at in due], 60)
    assert [(tick.due, tick.kind) for tick in listed if tick.state == "not made"] == [
        ("10:02:00", "run again"),
        ("10:03:00", "run again"),
    ]
    assert len(listed) == 5


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_a_tick_comes_due_and_is_made_once(tmp_path, monkeypatch):
    bench.prepare(tmp_path)
    scheduler, url = bench.start(tmp_path, 20)
    try:
        monkeypatch.setenv("SYNTHDATA_CACHE", str(tmp_path / "cache"))
        with pytest.raises(LockedError, match="scheduled already"):
            keep_running(Plan(str(tmp_path / "c"), str(tmp_path / "logs"), seconds=20.0))
        deadline = time.monotonic() + 300
        listed: list[bench.Tick] = []
        while not any(tick.kind == "done" for tick in listed) and time.monotonic() < deadline:
            time.sleep(2)
            listed = bench.ticks(url)
    finally:
        scheduler.send_signal(signal.SIGTERM)
        err = scheduler.communicate(timeout=60)[1]
    assert scheduler.returncode == 0, err
    done = next(tick for tick in listed if tick.kind == "done")
    assert done.message.startswith("round 1: "), listed
    store = CorpusStore.open(tmp_path / "c")
    assert len(store.reflected_trajectory_ids()) == bench.FIRST_RUNS
    assert (store.latest_round(), verify(store)) == (1, [])
    assert subprocess.run(["pgrep", "-f", str(tmp_path)], check=False, capture_output=True).stdout == b""
