"""A schedule that speaks: what came of each tick, and an alarm where none is any good."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from unittest import mock
from uuid import uuid4

import pytest

from flows.schedule import Plan, _report_disk, _report_ticks
from flows.server import prefect_api
from synthdata.api import Corpus
from synthdata.errors import AnchorError
from synthdata.monitor.ticks import note_tick, tick_facts, ticks
from synthdata.operations.reflect import RunSelection, find_work, remember
from synthdata.operations.round import run_round
from synthdata.settings import Settings

HASHED = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 32}}}, "test")
SAMPLE = Path(__file__).parent.parent / "data" / "sample"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "derived").mkdir()
    return tmp_path


def test_three_ticks_without_a_good_one_are_an_alarm_and_a_good_one_ends_it(folder: Path) -> None:
    assert tick_facts(folder).last is None and not tick_facts(folder).alarm
    note_tick(folder, "round", "round 1")
    for n in range(2):
        note_tick(folder, "failed", f"no endpoint\n{n}")
    note_tick(folder, "skipped", "a round is being made")
    assert not tick_facts(folder).alarm
    last = note_tick(folder, "refused", "the day's budget is spent")
    facts = tick_facts(folder)
    assert facts.since_good == 3 and "budget is spent" in facts.alarm and facts.last == last
    assert facts.counts == {"round": 1, "failed": 2, "skipped": 1, "refused": 1}
    note_tick(folder, "nothing new", "nothing new after round 1")
    assert not tick_facts(folder).alarm


def test_every_tick_is_said_once_with_its_reason_and_damage_is_left_out(folder: Path) -> None:
    said: list[str] = []
    note_tick(folder, "failed", "before this schedule began")
    known = ticks(folder)
    note_tick(folder, "failed", "one")
    note_tick(folder, "failed", "two")
    with (folder / "derived" / "ticks.jsonl").open("a") as file:
        file.write('{"at": \n')
    known = _report_ticks(folder, known, said.append)
    known = _report_ticks(folder, known, said.append)
    assert [line.partition(" ")[2] for line in said[:2]] == ["failed: one", "failed: two"]
    assert len(said) == 3 and said[2].startswith("alarm: 3 ticks")


@pytest.mark.slow
def test_a_first_round_that_is_too_small_takes_further_runs_until_it_is_enough(tmp_path: Path) -> None:
    recipe = {
        "encoder": {"backend": "hashing", "dim": 96},
        "generation": {"generator": "scripted"},
        "reflection": {"reflector": "full"},
    }
    settings = Settings.from_dict({"recipe": recipe}, "test")
    corpus = Corpus.init(tmp_path / "c", SAMPLE, settings=settings)
    taken = []
    for _ in range(10):
        work = find_work(corpus, SAMPLE, RunSelection(limit=15))
        remember(corpus, work)
        taken.append({run.id for run in work.runs})
        try:
            report = run_round(corpus, work, RunSelection(limit=15))
        except AnchorError as error:
            assert "further ones" in str(error)
            continue
        break
    assert report.round == 1
    assert len(taken) > 1
    assert all(earlier < later and len(later) == len(earlier) + 15 for earlier, later in pairwise(taken))
    held = corpus.store.events("retry")["payload"]
    assert {run for payload in held for run in json.loads(payload)["held"]} == taken[-2]
    assert len(find_work(corpus, SAMPLE, RunSelection(limit=15)).runs) == 15


def test_a_tick_whose_line_a_full_disk_took_is_said_later_in_its_place(folder: Path) -> None:
    said: list[str] = []
    early = datetime(2026, 11, 30, 1, 2, 3, tzinfo=UTC)
    note_tick(folder, "round", "round 1", "b", early + timedelta(minutes=1))
    known = _report_ticks(folder, [], said.append)
    # The disk took half of a line, as a full one does.
    with (folder / "derived" / "ticks.jsonl").open("a") as file:
        file.write('{"at": "2026-')
    note_tick(folder, "failed", "the disk is full", "a", early)
    known = _report_ticks(folder, known, said.append)
    assert known == _report_ticks(folder, known, said.append)
    assert [line.rpartition(" ")[2] for line in said] == ["1", "full"] and said[1].startswith("2026-11-30T01:02:03")
    assert [tick.run for tick in ticks(folder)] == ["a", "b"] and tick_facts(folder).since_good == 0


def test_a_clock_that_was_ahead_hides_no_failure_and_no_success(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(year: int, outcome: str, run: str = "", late: bool = False) -> None:
        at = datetime(year, 1, 1, tzinfo=UTC)
        monkeypatch.setattr("synthdata.monitor.ticks.datetime", mock.Mock(now=lambda zone: at))
        note_tick(folder, outcome, f"in {year}", run, at if late else None)

    tick(2026, "round")
    tick(2036, "round")
    for _ in range(3):
        tick(2026, "failed")
    facts = tick_facts(folder)
    assert facts.since_good == 3 and facts.last_good.startswith("2036") and facts.last.outcome == "failed"
    assert "3 ticks" in facts.alarm
    tick(2025, "nothing new")
    assert not tick_facts(folder).alarm and tick_facts(folder).last.message == "in 2025"
    # One that is told late goes to its place among those before it all the same.
    tick(2027, "failed")
    tick(2026, "failed", "late", late=True)
    assert [one.at[:4] for one in ticks(folder)][-3:] == ["2025", "2026", "2027"]


def test_a_disk_that_refuses_is_said_once_and_its_end_once(folder: Path) -> None:
    said: list[str] = []
    assert _report_disk(folder, "", said.append) == "" and said == []
    (folder / "derived" / ".ticks.probe").mkdir()
    known = _report_disk(folder, "", said.append)
    assert _report_disk(folder, known, said.append) == known != ""
    (folder / "derived" / ".ticks.probe").rmdir()
    assert _report_disk(folder, known, said.append) == ""
    assert len(said) == 2 and "ticks are reported when" in said[0] and "again" in said[1]


def test_the_look_for_ended_runs_outlives_a_server_that_is_away(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.runner import look

    corpus = Corpus.init(folder / "c", [f"row {i} of some words {i * i}" for i in range(150)], settings=HASHED)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    plan = Plan(str(corpus.store.path), "logs", seconds=60.0)
    client = SyncPrefectClient(f"http://127.0.0.1:{port}/api")
    look(client, plan, uuid4(), datetime.now(UTC))
    assert "cannot be looked for now: ConnectError" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_ticks_that_ended_and_did_not_note_it_are_noted_from_the_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHDATA_CACHE", str(folder / "cache"))
    began = datetime.now(UTC) - timedelta(minutes=1)
    with prefect_api():
        from prefect.client.orchestration import get_client
        from prefect.states import Cancelled, Completed, Failed, Running

        from flows.runner import record_missing_ticks
        from flows.scheduled import tick

        with get_client(sync_client=True) as client:
            plan = Plan(str(folder), "logs", seconds=60.0)
            deployment = client.create_deployment(client.create_flow(tick), "c")
            ends = {
                "noted": Completed(message="round 1: 3 of 9 candidates admitted"),
                "full": Failed(message="the disk: No space left on device"),
                "late": Cancelled(message="Concurrency limit reached"),
                "small": Cancelled(name="Waiting", message="too few lessons"),
                "idle": Completed(message="nothing new after round 1"),
                "alive": Running(),
            }
            runs = {name: client.create_flow_run_from_deployment(deployment) for name in ends}
            for name, state in ends.items():
                client.set_flow_run_state(runs[name].id, state, force=True)
            note_tick(folder, "round", "round 1: 3 of 9 candidates admitted", str(runs["noted"].id))
            missing = record_missing_ticks(client, plan, deployment, began)
            found = {
                name: (tick.outcome, tick.message)
                for tick in missing
                for name in runs
                if str(runs[name].id) == tick.run
            }
            assert found == {
                "full": ("failed", "the disk: No space left on device"),
                "late": ("skipped", "Concurrency limit reached"),
                "small": ("waiting", "too few lessons"),
                "idle": ("nothing new", "nothing new after round 1"),
            }
            assert record_missing_ticks(client, plan, deployment, began) == [] and len(ticks(folder)) == 5
