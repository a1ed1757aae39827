"""Nothing of a real run is lost or moved between its raw log and the exported row, in either container.

The raw logs are read here by themselves, without the readers: turns as words by side, and tool calls with arguments.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from synthdata.export.containers import Jsonl, ParquetShards, fields_of
from synthdata.export.conversation import conversation
from synthdata.records import Origin, Trajectory
from synthdata.sources import read_trajectories

Turn = tuple[bool, "Counter[str]"]
Log = tuple[list[Turn], list[tuple[str, Any]]]


def words(*texts: object) -> Counter[str]:
    return Counter(word for text in texts if isinstance(text, str) for word in re.findall(r"\w+", text))


def grouped(turns: Iterator[tuple[bool, Counter[str]]]) -> list[Turn]:
    """Neighbouring turns of one side together; sides are the agent's and everybody else's."""
    made: list[Turn] = []
    for agent, said in turns:
        if not said:
            continue
        if made and made[-1][0] == agent:
            made[-1] = (agent, made[-1][1] + said)
        else:
            made.append((agent, said))
    return made


def exported(row: dict[str, Any]) -> Log:
    told = row["messages"]
    turns = ((m["role"] == "assistant", words(m["content"], m.get("reasoning_content"))) for m in told)
    calls = [call["function"] for m in told for call in m.get("tool_calls") or ()]
    return grouped(turns), [(call["name"], parsed(call["arguments"])) for call in calls]


def parsed(arguments: Any) -> Any:
    try:
        return json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return arguments


def chat(messages: list[dict[str, Any]]) -> Log:
    """A raw chat log; content may be parts."""
    turns, calls = [], []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else [content]
        texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
        thoughts = [message.get(key) for key in ("reasoning_content", "reasoning", "thinking")]
        turns.append((message["role"] == "assistant", words(*texts, *dict.fromkeys(t for t in thoughts if t))))
        listed = list(message.get("tool_calls") or ())
        listed += [{"function": message["function_call"]}] if message.get("function_call") else []
        calls += [(call["function"]["name"], parsed(call["function"]["arguments"])) for call in listed]
    return grouped(iter(turns)), calls


def through_both_containers(runs: list[Trajectory], folder: Path) -> Iterator[tuple[Trajectory, Log]]:
    """What comes back from Parquet and from JSONL, which must agree."""
    import pyarrow.parquet as pq

    rows = [{"messages": [message for _, message in conversation(run)]} for run in runs]
    # Templates such as Gemma's and Mistral's refuse two users in a row, and others take the first system alone.
    voices = [[message["role"] for message in row["messages"]] for row in rows]
    assert not any(a == b in ("user", "system") for told in voices for a, b in pairwise(told))
    fields = {name for row in rows for name in fields_of(row)}
    shards, file = ParquetShards(folder / "messages", "train", "messages", fields), Jsonl(folder / "jsonl" / "a.jsonl")
    for row in rows:
        shards.add(row)
        file.add(row)
    file.close()
    flat = [row for name in shards.close() for row in pq.read_table(folder / name).to_pylist()]
    flat = [{"messages": [json.loads(message) for message in row["messages"]]} for row in flat]
    lines = [
        json.loads(line) for line in (folder / "jsonl" / "a.jsonl").read_text(encoding="utf-8").split("\n") if line
    ]
    assert len(flat) == len(lines) == len(runs)
    for run, one, other in zip(runs, flat, lines, strict=True):
        assert one == other
        yield run, exported(other)


def runs_of(path: Path) -> list[Trajectory]:
    return [run for run in read_trajectories(path, origin=Origin.REAL) if isinstance(run, Trajectory)]


def opened(path: Path) -> Any:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def test_tau_bench_airline(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "traj-tau-bench-airline" / "gpt-4o-airline.json.gz"
    with opened(path) as file:
        raw = [chat(row["traj"]) for row in json.load(file)]
    got = [log for _, log in through_both_containers(runs_of(path), tmp_path)]
    assert got == raw and len(raw) == 200
    assert sum(len(calls) for _, calls in raw) == 1164


def test_mint_feedback(shared_data: Path, tmp_path: Path) -> None:
    count = 0
    for number, path in enumerate(sorted((shared_data / "traj-mint-feedback").glob("*.jsonl.gz"))):
        with opened(path) as file:
            raw = [json.loads(line) for line in file]
        runs = runs_of(path)
        assert len(runs) == len(raw)
        for row, (_, (turns, calls)) in zip(raw, through_both_containers(runs, tmp_path / str(number)), strict=True):
            history = row["state"]["history"]
            own, _ = chat(history)
            own = [(agent, marks_off(said)) for agent, said in own]
            got = [(agent, marks_off(said)) for agent, said in turns]
            # The few-shot examples before the task are left out by rule; the task itself is there.
            assert own[1:] == got[1:] and not calls
            assert not words(row["task"]["prompt"]) - turns[0][1] and not got[0][1] - own[0][1]
            count += 1
    assert count == 1032


def marks_off(said: Counter[str]) -> Counter[str]:
    """Without the words of MINT's own marks, which the reader takes as structure."""
    return Counter(
        {word: n for word, n in said.items() if word not in ("thought", "Observation", "Expert", "feedback")}
    )


def test_swe_agent(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "traj-swe-agent"
    paths = sorted(p for p in folder.rglob("*.gz") if ".traj" in p.name)
    seen = Counter[str]()
    for number, path in enumerate(paths):
        with opened(path) as file:
            raw = json.load(file)
        ((_, (turns, calls)),) = through_both_containers(runs_of(path), tmp_path / str(number))
        own, own_calls = swe_log(raw)
        assert turns == own, path
        assert calls == own_calls, path
        seen["calls"] += len(calls)
        seen["runs"] += 1
    assert seen["runs"] > 15 and seen["calls"] > 20


def swe_log(raw: Any) -> Log:
    """`trajectory` says what was done and seen, `history` the prompts before and the tool calls."""
    if isinstance(raw, list) or "messages" in raw:
        told, calls = chat([m | {"role": m["role"]} for m in (raw if isinstance(raw, list) else raw["messages"])])
        # The fence around a command is structure.
        return [(agent, fence_off(said) if agent else said) for agent, said in told], calls
    history, taken = raw.get("history") or [], raw.get("trajectory") or []
    first = next((i for i, m in enumerate(history) if m["role"] == "assistant"), len(history))
    _, calls = chat(history)
    turns = [(False, words(text_of(m))) for m in history[:first]]
    for step in taken:
        said = words(step["action"], step["thought"]) or words(step.get("response"))
        turns += [(True, said), (False, words(step["observation"]))]
    if not taken:
        for m in history[first:]:
            own = words(m.get("action"), m.get("thought")) or words(text_of(m))
            turns.append((m["role"] == "assistant", own if m["role"] == "assistant" else words(text_of(m))))
    return grouped(iter(turns)), calls


def text_of(message: dict[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def fence_off(said: Counter[str]) -> Counter[str]:
    return Counter({word: n for word, n in said.items() if word not in ("bash", "mswea_bash_command")})


@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', "not json", '{"x": 1e999}', '{"x": NaN}', "[1]", '{"s": "\\ud800"}', '{"n": {"m": [1]}}'],
)
def test_arguments_become_objects_only_where_nothing_is_lost(text: str) -> None:
    from synthdata.records import Step, ToolCall

    run = Trajectory("t", (Step(0, "agent", tool_calls=(ToolCall("f", text),)),))
    message = conversation(run)[-1][1]
    made = message["tool_calls"][0]["function"]["arguments"]
    assert made == (json.loads(text) if text.startswith('{"n"') else text)
    # A run that begins with its agent is told its task first.
    assert conversation(run)[0][1] == {"role": "user", "content": "t"}
