"""Logs written to cost time: each reader stays linear, shown by the whole file being read well within seconds."""

from __future__ import annotations

import json

import pytest

from synthdata.records import Origin, Trajectory
from synthdata.sources import read_trajectories

N = 40_000
TASK = {"prompt": "p", "task_name": "t", "task_id": 0}


def mint(text):
    return {
        "state": {"history": [{"role": "user", "content": "p"}, {"role": "assistant", "content": text}]},
        "task": TASK,
    }


def mini(text):
    return {"messages": [{"role": "assistant", "content": text}], "info": {"mini_version": "1"}}


HOSTILE = {
    "thoughts that never close": mint("<thought>" * N),
    "replies of line breaks": {
        "state": {
            "history": [{"role": "assistant", "content": "a"}, {"role": "user", "content": "Observation:\n" * N}]
        },
        "task": TASK,
    },
    "blocks that never close": mini("```bash\n" * N),
    "blocks in mid-line": mini("x ```bash\n" * N),
    "issues without instructions": {
        "messages": [{"role": "user", "content": "ISSUE:\n" * N}, {"role": "assistant", "content": "a"}],
        "info": {"mini_version": "1"},
    },
    "orphaned answers": {
        "messages": [{"role": "assistant", "content": "a"}]
        + [{"role": "tool", "tool_call_id": str(i), "content": ""} for i in range(N)]
    },
    "users before any agent": {
        "messages": [{"role": "user", "content": "q"}] * N + [{"role": "assistant", "content": "a"}],
        "info": {"mini_version": "1"},
    },
    "steps that match no turn": {
        "trajectory": [{"action": "a", "observation": "o"}] * N,
        "history": [{"role": "assistant", "content": "", "action": f"b{i}", "agent": "m"} for i in range(N)],
    },
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_log_is_read_in_linear_time(name, tmp_path):
    path = tmp_path / "hostile.jsonl"
    path.write_text(json.dumps(HOSTILE[name]))
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert isinstance(run, Trajectory)
    assert run.agent_steps
