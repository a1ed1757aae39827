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


def claude(number, content, message):
    inner = {"role": "assistant", "id": message, "model": "m", "content": content}
    return {"type": "assistant", "sessionId": "s", "uuid": str(number), "message": inner}


def spans(count, parent):
    listed = [
        {"traceId": "t", "spanId": str(i), "parentSpanId": parent(i), "name": "chat", "startTimeUnixNano": str(i),
         "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}},
                        {"key": "gen_ai.output.messages", "value": {"stringValue": '[{"role": "assistant"}]'}}]}
        for i in range(count)
    ]  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": listed}]}]}


def chat(*words):
    return {"messages": [{"role": "assistant", "content": word} for word in words]}


N_FILES = 8_000
HOSTILE_FILES = {
    "a snapshot of thousands of blocks": [claude(i, [{"type": "text", "text": f"{i}"}], "a") for i in range(N_FILES)],
    "a snapshot whose words all begin one another": [claude(i, "x" * (i % 50), "a") for i in range(N_FILES)],
    "agents below agents": [spans(N_FILES, lambda i: str(i - 1))],
    "agents side by side": [spans(N_FILES, lambda i: "0")],
    "spans that are their own parents": [spans(50, str)],
    "a beginning of thousands of runs": [*[chat("a")] * N_FILES, *(chat("a", "b", str(i)) for i in range(N_FILES))],
    "entries that follow themselves": [
        {"type": "message", "id": "e", "parentId": "e", "timestamp": "t",
         "message": {"role": "assistant", "content": "a"}}
    ] * N_FILES,
}  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hostile_files_of_events_are_read_in_linear_time(name, tmp_path):
    path = tmp_path / "hostile.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in HOSTILE_FILES[name]))
    found = list(read_trajectories(path, origin=Origin.REAL))
    assert any(isinstance(item, Trajectory) and item.agent_steps for item in found)


def test_nesting_and_numbers_in_attributes_are_bounded(tmp_path):
    deep = {"stringValue": "x"}
    for _ in range(60):
        deep = {"arrayValue": {"values": [deep]}}
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.prompt.99999999999.content", "value": {"stringValue": "q"}},
        {"key": "gen_ai.completion.0.content", "value": {"stringValue": "a"}},
        {"key": "gen_ai.prompt.0." + "x." * 300 + "y", "value": {"stringValue": "q"}},
        {"key": "deep", "value": deep},
    ]
    one = {"traceId": "t", "spanId": "1", "name": "chat", "attributes": attributes}
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}))
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert run.agent_steps[0].action == "a"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_log_is_read_in_linear_time(name, tmp_path):
    path = tmp_path / "hostile.jsonl"
    path.write_text(json.dumps(HOSTILE[name]))
    (run,) = read_trajectories(path, origin=Origin.REAL)
    assert isinstance(run, Trajectory)
    assert run.agent_steps
