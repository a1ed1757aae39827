"""The monitor flow on a real Prefect server: its state, artifact and event, each news once, and the brake on red."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import SETTINGS, synthdata, write_rows
from sample_texts import lessons

from synthdata.corpus import CorpusStore

WATCH_TWICE = """
import json, sys, time
from flows.server import prefect_api

with prefect_api() as url:
    import httpx2
    from flows.monitor import monitor
    from flows.runner import deployments, make_automation
    from flows.schedule import Plan
    deployed = {}
    for corpus in sys.argv[1:]:
        plan = Plan(corpus, corpus, seconds=3600.0, pause_on_red=True)
        tick = deployments(plan)[0]
        tick.name = f"{len(deployed)}"
        deployed[corpus] = tick.apply()
        make_automation(plan, deployed[corpus])
    states = [monitor(sys.argv[1], return_state=True) for _ in range(2)]
    wanted = {"filter": {"event": {"prefix": ["synthdata."]}}}
    deadline = time.monotonic() + 30
    events = []
    while not events and time.monotonic() < deadline:
        time.sleep(0.5)
        events = httpx2.post(f"{url}/events/filter", json=wanted).json()["events"]
    tiles = httpx2.post(f"{url}/artifacts/latest/filter", json={"artifacts": {"key": {"any_": ["tiles"]}}}).json()
    paused = {}
    while not any(paused.values()) and time.monotonic() < deadline:
        time.sleep(0.5)
        found = {corpus: httpx2.get(f"{url}/deployments/{one}").json() for corpus, one in deployed.items()}
        paused = {corpus: one["paused"] for corpus, one in found.items()}
    print(json.dumps({"states": [[state.type.value, state.message] for state in states], "events": events,
                      "tiles": tiles, "paused": paused}))
"""


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(900)
def test_a_red_corpus_fails_the_flow_emits_one_event_and_stops_its_schedule(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    real = write_rows(tmp_path / "real.jsonl", lessons(150, 1))
    made = synthdata("init", tmp_path / "c", "--reference", real, "--config", tmp_path / "settings.toml")
    assert made.returncode == 0, made.stderr
    assert synthdata("admit", tmp_path / "c", write_rows(tmp_path / "r.jsonl", lessons(40, 2))).returncode == 0
    store = CorpusStore.open(tmp_path / "c")
    with store.writing():
        store.append_event("freeze", "red 1", {"reason": "round 1 is red", "round": 1}, 1)
    shutil.copytree(tmp_path / "c", tmp_path / "other" / "c")
    environment = {**os.environ, "SYNTHDATA_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH_TWICE, str(tmp_path / "c"), str(tmp_path / "other" / "c")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert [kind for kind, _ in said["states"]] == ["FAILED", "FAILED"]
    assert "round 1 is red" in said["states"][0][1]
    # The brake of a corpus of the same name elsewhere is another one.
    assert said["paused"] == {str(tmp_path / "c"): True, str(tmp_path / "other" / "c"): False}
    (event,) = [event for event in said["events"] if event["event"].startswith("synthdata.round")]
    assert event["event"] == "synthdata.round.red"
    assert event["resource"]["prefect.resource.name"] == "c"
    assert event["payload"]["frozen"] == "round 1 is red"
    (tiles,) = said["tiles"]
    assert {"D1", "D6"} <= {row["tile"] for row in json.loads(tiles["data"])}
