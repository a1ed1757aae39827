"""The monitor flow on a real Prefect server: its state, its artifact and its event, each news once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sample_texts import lessons
from test_cli import SETTINGS, synthdata, write_rows

from synthdata.corpus import CorpusStore

WATCH_TWICE = """
import json, sys, time
from flows.server import prefect_api

with prefect_api() as url:
    import httpx2
    from flows.monitor import monitor
    states = [monitor(sys.argv[1], return_state=True) for _ in range(2)]
    wanted = {"filter": {"event": {"prefix": ["synthdata."]}}}
    deadline = time.monotonic() + 30
    events = []
    while not events and time.monotonic() < deadline:
        time.sleep(0.5)
        events = httpx2.post(f"{url}/events/filter", json=wanted).json()["events"]
    tiles = httpx2.post(f"{url}/artifacts/latest/filter", json={"artifacts": {"key": {"any_": ["tiles"]}}}).json()
    print(json.dumps({"states": [[state.type.value, state.message] for state in states], "events": events,
                      "tiles": tiles}))
"""


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.timeout(300)
def test_a_red_corpus_fails_the_flow_and_emits_one_event(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    real = write_rows(tmp_path / "real.jsonl", lessons(150, 1))
    made = synthdata("init", tmp_path / "c", "--reference", real, "--config", tmp_path / "settings.toml")
    assert made.returncode == 0, made.stderr
    assert synthdata("admit", tmp_path / "c", write_rows(tmp_path / "r.jsonl", lessons(40, 2))).returncode == 0
    store = CorpusStore.open(tmp_path / "c")
    with store.writing():
        store.append_event("freeze", "red 1", {"reason": "round 1 is red", "round": 1}, 1)
    environment = {**os.environ, "SYNTHDATA_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH_TWICE, str(tmp_path / "c")],
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
    (event,) = said["events"]
    assert event["event"] == "synthdata.round.red"
    assert event["resource"]["prefect.resource.name"] == "c"
    assert event["payload"]["frozen"] == "round 1 is red"
    (tiles,) = said["tiles"]
    assert {"D1", "D6"} <= {row["tile"] for row in json.loads(tiles["data"])}
