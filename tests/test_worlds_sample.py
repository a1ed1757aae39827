"""data/sample-worlds: small, whole, readable, and what the worlds of today make."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from synthdata.play.collect import Order
from synthdata.records import Origin
from synthdata.sources import read_trajectories
from synthdata.worlds.collect import Setting, collect_to
from synthdata.worlds.guard import Guard
from synthdata.worlds.make import PLAIN, shipped_policy
from synthdata.worlds.players import Expert

SAMPLE = Path(__file__).parent.parent / "data" / "sample-worlds"
APPROVED = ("cancel_booking", "cancel_order", "refund")


def documents(name):
    return [json.loads(line) for line in gzip.decompress((SAMPLE / name).read_bytes()).splitlines()]


def test_every_picture_is_named_by_a_step_and_by_its_content():
    runs = documents("browser.jsonl.gz")
    contents = [
        r["content"] for run in runs for step in run["steps"] for r in step.get("observation", {}).get("results", [])
    ]
    named = {
        p["source"]["path"] for parts in contents if isinstance(parts, list) for p in parts if p["type"] == "image"
    }
    files = {f"browser-pictures/{path.name}": path.read_bytes() for path in (SAMPLE / "browser-pictures").iterdir()}
    assert named == set(files) and len(files) > 100
    assert all(hashlib.sha256(data).hexdigest()[:16] in name and data[:4] == b"\x89PNG" for name, data in files.items())
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 2_000_000


def test_the_runs_read_as_runs_with_an_outcome():
    runs = list(read_trajectories(SAMPLE, origin=Origin.SYNTHETIC))
    assert len(runs) == 80 and all(run.success is not None and run.environment and run.agent_steps for run in runs)
    assert len({json.loads(run.environment)["world"]["name"] for run in runs}) == 2


def test_the_tool_runs_are_what_the_desk_makes_today(tmp_path):
    setting = Setting(PLAIN["tools"], Guard(shipped_policy("tools"), lambda action: action.name in APPROVED), APPROVED)
    collect_to(tmp_path / "runs.jsonl", setting, Order(games=5, episodes=1, epsilons=(0.0, 0.4)), Expert())
    made = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert made == documents("tools.jsonl.gz")[: len(made)]
