"""Real processes: a writer killed at any moment, a second writer, and a reader beside a writer."""

import errno
import fcntl
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from synthdata.corpus import CorpusStore
from synthdata.corpus.digest import digest
from synthdata.corpus.verify import verify
from synthdata.errors import InputError, LockedError

ROUNDS = 3
ROWS = 400

WRITER = """
import sys
import numpy as np
from synthdata.corpus import CorpusStore
from synthdata.records import Candidate, Decision, Reason, Step, Trajectory, Verdict

ROUNDS, ROWS = 3, 400

def write(path):
    store = CorpusStore.open(path)
    rng = np.random.default_rng(0)
    with store.writing():
        print("ready", flush=True)
        for number in range(1, ROUNDS + 1):
            runs = [Trajectory(task=f"{number} {n}", steps=(Step(0, "agent", action="go"),)) for n in range(50)]
            store.add_experience(runs)
            decisions, vectors = [], {}
            for n in range(ROWS):
                candidate = Candidate(content=f"round {number} text {n}", trajectory_id=runs[n % 50].id)
                reject = n % 3 == 0
                decisions.append(Decision(candidate, Verdict.REJECT if reject else Verdict.ADMIT, "exact",
                                          Reason.EXACT_DUPLICATE if reject else None, score=n / 7))
                row = rng.standard_normal(64).astype(np.float32)
                vectors[candidate.id] = (None, row / np.linalg.norm(row))
            store.commit_round(decisions, vectors, round_key=f"key {number}", recipe="recipe", anchor=0)
            store.write_snapshot(number, [{"view": "raw", "metric": "n2", "value": 1.0, "low": 0.0, "high": 2.0}])
    print("done", flush=True)

if __name__ == "__main__":
    write(sys.argv[1])
"""

HOLDER = """
import sys, time
from synthdata.corpus import CorpusStore
with CorpusStore.open(sys.argv[1]).writing():
    print("ready", flush=True)
    time.sleep(60)
"""


def new_store(folder):
    with CorpusStore.making(folder, views="one", recipe={}) as store, store.new_anchor(0):
        return store


def start(program, store):
    child = subprocess.Popen([sys.executable, "-c", program, str(store.path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    return child


def kill(child):
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()


def run_to_the_end(store):
    subprocess.run([sys.executable, "-c", WRITER, str(store.path)], check=True, capture_output=True)


def state(store):
    counts = (store.experience_count(), store.decisions(["id"]).height, store.snapshots().height)
    return digest(store), counts, store.rounds()["round"].to_list()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    store = new_store(tmp_path_factory.mktemp("undisturbed") / "corpus")
    child = start(WRITER, store)
    begin = time.monotonic()
    assert child.stdout.read() == "done\n"
    took = time.monotonic() - begin
    child.wait()
    child.stdout.close()
    assert state(store)[1:] == ((ROUNDS * 50, ROUNDS * ROWS, ROUNDS), [1, 2, 3])
    return state(store), took


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_killed_writer_leaves_whole_rounds_and_a_rerun_ends_the_same(tmp_path, undisturbed, seed):
    expected, took = undisturbed
    store = new_store(tmp_path / "corpus")
    child = start(WRITER, store)
    time.sleep(random.Random(seed).uniform(0, took))
    kill(child)

    left = store.rounds()
    assert left["candidates"].to_list() == [ROWS] * left.height
    assert left["round"].to_list() == list(range(1, left.height + 1))
    assert verify(store) == []
    run_to_the_end(store)
    assert state(store) == expected
    assert verify(store) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_between_the_data_file_and_its_commit_leaves_nothing(tmp_path, undisturbed, number):
    # Random moments seldom hit this window, so the kill waits for the file of the round to appear.
    store = new_store(tmp_path / "corpus")
    child = start(WRITER, store)
    while len(list((store.path / "decisions").glob("*.parquet"))) < number:
        assert child.poll() is None
    kill(child)
    assert store.latest_round() in (number - 1, number)
    assert verify(store) == []
    run_to_the_end(store)
    assert state(store) == undisturbed[0]
    assert verify(store) == []


def test_a_data_file_that_was_never_committed_is_not_read(tmp_path, undisturbed):
    store = new_store(tmp_path / "corpus")
    run_to_the_end(store)
    whole = next((store.path / "decisions").glob("*.parquet"))
    (store.path / "decisions" / "part-00000-orphan-c000.snappy.parquet").write_bytes(whole.read_bytes())
    assert state(store) == undisturbed[0]
    assert verify(store) == []


def test_the_second_writer_is_told_who_the_first_is(tmp_path):
    store = new_store(tmp_path / "corpus")
    child = start(HOLDER, store)
    try:
        with pytest.raises(LockedError, match=f"process {child.pid} on .* is writing to it"), store.writing():
            pass
        assert store.latest_round() == 0
    finally:
        kill(child)
    with store.writing():
        assert store.append_event("freeze", "after the kill", {}, 0)


def test_a_reader_beside_a_writer_sees_whole_rounds_only(tmp_path):
    store = new_store(tmp_path / "corpus")
    child = start(WRITER, store)
    sizes = set()
    while child.poll() is None:
        sizes.add(CorpusStore.open(store.path).decisions(["id"]).height)
    child.stdout.close()
    assert sizes <= {number * ROWS for number in range(ROUNDS + 1)}
    assert store.decisions(["id"]).height == ROUNDS * ROWS
    assert os.path.exists(store.path / "corpus.json")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_refused_before_anything_is_written(tmp_path, monkeypatch, number):
    store = new_store(tmp_path / "c")

    def without(descriptor, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", without)
    with pytest.raises(InputError, match="has no locks") as told, store.writing():
        pytest.fail("wrote without a lock")
    assert "writer.lock" in str(told.value) and os.strerror(number) in str(told.value)
    monkeypatch.undo()
    with store.writing():
        pass
