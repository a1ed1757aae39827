"""Readers against the raw logs: every tool call, argument, observation and message of the real files is found again.

The real files are read where `../shared/data` lies beside the project; without it these tests skip.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from synthdata.errors import InputError
from synthdata.records import Origin, QuarantinedRow, Trajectory, to_json
from synthdata.sources import read_candidates, read_trajectories, sniff_kind

DATA = Path(__file__).parent.parent.parent / "shared" / "data"


def data(name):
    folder = DATA / name
    if not folder.exists():
        pytest.skip(f"real data not here: {folder}")
    return folder


def load(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as handle:
        return json.load(handle)


def runs(path, **options):
    found = list(read_trajectories(path, **{"origin": Origin.REAL, **options}))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def calls(run):
    return [(c.name, c.arguments, c.call_id) for s in run.steps for c in s.tool_calls]


def answers(run):
    return [(o.content, o.call_id) for s in run.steps for o in s.observations]


# Real files


def test_tau_bench_equals_the_raw_file_message_by_message():
    path = data("traj-tau-bench-airline") / "gpt-4o-airline.json.gz"
    raw = load(path)
    found, refused = runs(path, licence="MIT")
    assert (len(found), refused) == (200, [])
    assert sum(run.success for run in found) == 84
    assert sum(len(calls(run)) for run in found) == 1164
    for row, run in zip(raw, found, strict=True):
        messages = row["traj"]
        expected = [c for m in messages for c in m.get("tool_calls") or []]
        assert calls(run) == [(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in expected]
        assert answers(run) == [(m["content"], m["tool_call_id"]) for m in messages if m["role"] == "tool"]
        assert [s.action for s in run.steps] == [m["content"] or "" for m in messages if m["role"] != "tool"]
        assert all(c.call_id in {o.call_id for o in s.observations} for s in run.steps for c in s.tool_calls)
        assert run.task == next(m["content"] for m in messages if m["role"] == "user")
        assert row["info"]["task"]["instruction"] not in to_json(run)
        assert (run.task_id, run.reward, run.success) == (str(row["task_id"]), row["reward"], row["reward"] == 1.0)
        assert (run.source, run.format, run.licence, run.origin) == (path.name, "tau_bench", "MIT", Origin.REAL)


def test_a_folder_reads_what_it_can_and_quarantines_the_rest():
    found, refused = runs(data("traj-tau-bench-airline"))
    assert len(found) == 200
    assert Counter(row.file for row in refused) == {"few_shot-airline.jsonl.gz": 19, "few_shot-retail.jsonl.gz": 69}
    assert all("an object of messages_display" in row.reason and row.line for row in refused)


def test_swe_agent_equals_the_raw_files():
    folder = data("traj-swe-agent")
    found, refused = runs(folder)
    assert (len(found), refused) == (24, [])
    assert [run.source for run in found] == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.gz"))
    assert all(run.success is None and not run.truncated for run in found)
    for run in found:
        raw = load(folder / run.source)
        if isinstance(raw, list):
            check_mini(raw, run)
        elif "trajectory" in raw:
            check_swe(raw, run)
        else:
            check_demonstration(raw, run)


def check_swe(raw, run):
    taken, history = raw["trajectory"], raw["history"]
    assert [s.action for s in run.agent_steps] == [s["action"] for s in taken]
    assert [s.thought for s in run.agent_steps] == [s["thought"] for s in taken]
    assert [o for o, _ in answers(run)] == [s["observation"] for s in taken]
    made = [c for m in history for c in m.get("tool_calls") or []]
    assert calls(run) == [(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in made]
    assert all(o.call_id in {c.call_id for c in s.tool_calls} for s in run.steps for o in s.observations if o.call_id)
    before = [m["content"] for m in history[: next(i for i, m in enumerate(history) if m["role"] == "assistant")]]
    assert [s.action for s in run.steps if s.role != "agent"] == before
    asked = next(m["content"] for m in history if m["role"] == "user" and not m.get("is_demo"))
    assert run.task and run.task in asked


def check_mini(raw, run):
    spoken = [m["content"] for m in raw if m["role"] == "assistant"]
    assert [o for o, _ in answers(run)] == [m["content"] for m in raw[2:] if m["role"] == "user"]
    for text, step in zip(spoken, run.agent_steps, strict=True):
        assert text.strip() == f"{step.thought}\n\n```mswea_bash_command\n{step.action}\n```"
    assert raw[1]["content"].startswith(f"Please solve this issue: {run.task}")


def check_demonstration(raw, run):
    spoken = [m for m in raw["history"] if m["role"] == "assistant"]
    assert [(s.action, s.thought) for s in run.agent_steps] == [(m["action"], m["thought"]) for m in spoken]
    made = [c for m in spoken for c in m["tool_calls"]]
    assert calls(run) == [(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in made]
    assert answers(run) == [(m["content"], m["tool_call_ids"][0]) for m in raw["history"] if m["role"] == "tool"]


def test_atif_equals_the_raw_files():
    folder = data("traj-atif")
    found, refused = runs(folder)
    assert (len(found), refused) == (3, [])
    for run in found:
        raw = load(folder / run.source)
        steps = raw["steps"]
        # One agent without a tool interface writes its calls into its words.
        words = ["" if s["message"].startswith("<function=") else s["message"] for s in steps]
        assert [(s.role, s.action) for s in run.steps] == [(s["source"], w) for s, w in zip(steps, words, strict=True)]
        assert len([c for c in calls(run) if c[2] is None]) == sum(
            said != step["message"] for said, step in zip(words, steps, strict=True)
        )
        made = [c for s in steps for c in s.get("tool_calls", [])]
        assert [(n, json.loads(a), i) for n, a, i in calls(run) if i is not None] == [
            (c["function_name"], c["arguments"], c["tool_call_id"]) for c in made
        ]
        results = [r for s in steps for r in s.get("observation", {}).get("results", [])]
        assert len(answers(run)) == len(results)
        for (content, call_id), result in zip(answers(run), results, strict=True):
            assert call_id == result.get("source_call_id")
            assert content == result["content"] if "content" in result else json.loads(content) == result
        assert run.task == next(s["message"] for s in steps if s["source"] == "user")
        assert json.loads(run.tools or "[]") == raw["agent"].get("tool_definitions", [])


def test_mint_equals_the_raw_files_without_the_repeated_shots():
    folder = data("traj-mint-feedback")
    found, refused = runs(folder)
    assert (len(found), refused) == (1032, [])
    assert sum(run.success for run in found) == 391
    raw = []
    for path in sorted(folder.glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            raw += [json.loads(line) for line in handle]
    for row, run in zip(raw, found, strict=True):
        messages = row["state"]["history"]
        assert run.task == row["task"]["prompt"]
        assert run.steps[0].action == row["task"]["prompt"].strip()
        assert len(messages[0]["content"]) > 2000 + len(run.steps[0].action)
        spoken = [m["content"] for m in messages if m["role"] == "assistant"]
        assert [s.thought for s in run.agent_steps] == [
            "\n".join(t.strip() for t in re.findall(r"<thought>(.*?)</thought>", text, re.DOTALL)) for text in spoken
        ]
        assert [s.action for s in run.agent_steps] == [
            re.sub(r"<thought>.*?</thought>", "", text, flags=re.DOTALL).strip() for text in spoken
        ]
        replies = [m["content"] for m in messages[1:] if m["role"] == "user"]
        feedback = [s.action for s in run.steps[1:] if s.role == "user"]
        assert [f"Observation:\n{o}\n\n{f}" for (o, _), f in zip(answers(run), feedback, strict=True)] == replies
    tasks = {(t["task_name"], t["task_id"], t["prompt"]) for t in (row["task"] for row in raw)}
    assert len({run.task_id for run in found}) == len(tasks) == 258


def test_claude_code_sessions_equal_the_raw_events():
    folder = data("traj-claude-code")
    found, refused = runs(folder)
    assert len(found) == 17
    assert {row.file for row in refused} == {
        "claude-code-log/edge_cases.jsonl",
        "claude-code-transcripts/sample_session.json",
    }
    for run in found:
        bad = {row.line for row in refused if row.file == run.source}
        lines = (folder / run.source).read_text(encoding="utf-8").splitlines()
        events = [json.loads(text) for number, text in enumerate(lines, 1) if text.strip() and number not in bad]
        blocks = [b for e in events for b in as_blocks(e)]
        uses = [b for b in blocks if b.get("type") == "tool_use"]
        results = [b for b in blocks if b.get("type") == "tool_result"]
        texts = [b["text"] for b in blocks if b.get("type") == "text"]
        assert Counter((n, i) for n, _, i in calls(run)) == Counter((b["name"], b["id"]) for b in uses)
        assert {i: json.loads(a) for _, a, i in calls(run)} == {b["id"]: b["input"] for b in uses}
        assert len(answers(run)) == len(results)
        assert {c for c, _ in answers(run)} == {"\n".join(b["text"] for b in as_texts(r["content"])) for r in results}
        everything = "\n".join(s.action for s in run.steps)
        assert all(text in everything for text in texts)
        assert run.format == "claude_code"


def as_blocks(event):
    return as_texts((event.get("message") or {}).get("content"))


def as_texts(content):
    parts = [content] if isinstance(content, str) else content or []
    return [part if isinstance(part, dict) else {"type": "text", "text": part} for part in parts]


@pytest.mark.parametrize(
    "name", ["traj-tau-bench-airline", "traj-swe-agent", "traj-atif", "traj-mint-feedback", "traj-claude-code"]
)
def test_real_trajectories_survive_our_own_jsonl(name, tmp_path):
    found, _ = runs(data(name))
    path = tmp_path / "own.jsonl"
    path.write_text("".join(to_json(run) + "\n" for run in found), encoding="utf-8")
    again, refused = runs(path)
    assert (again, refused) == (found, [])
    assert [run.id for run in again] == [run.id for run in found]
    assert sniff_kind(path) == sniff_kind(data(name)) == "trajectories"


# Formats by hand


CHAT = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [
        {"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "x"}}]},
    {"role": "assistant", "content": None, "reasoning_content": "two calls", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "one", "arguments": '{"b": 1,  "a": 2}'}},
        {"id": "b", "type": "function", "function": {"name": "two", "arguments": {"z": 1, "a": None}}}]},
    {"role": "tool", "tool_call_id": "b", "content": "second"},
    {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "first"}]},
    {"role": "assistant", "content": "old", "function_call": {"name": "three", "arguments": "not json"}},
    {"role": "function", "name": "three", "content": "third"},
    {"role": "tool", "tool_call_id": "a", "content": "late"},
    {"role": "assistant", "content": "done", "refusal": "no"},
]  # fmt: skip


def test_chat_keeps_every_part_call_and_answer(tmp_path):
    row = {"messages": CHAT, "tools": [{"b": 1, "a": 2}], "success": False, "score": 0.5, "task_id": 7}
    (run,), _ = runs(write(tmp_path / "chat.jsonl", row))
    assert [s.role for s in run.steps] == ["system", "user", "agent", "agent", "agent"]
    assert run.steps[1].action == "What is\n[image_url: x]"
    first, legacy, last = run.agent_steps
    assert first.thought == "two calls"
    assert [c.arguments for c in first.tool_calls] == ['{"b": 1,  "a": 2}', '{"a":null,"z":1}']
    assert [(o.content, o.call_id) for o in first.observations] == [("second", "b"), ("first", "a"), ("late", "a")]
    assert (legacy.call_text, legacy.weight) == ("three(not json)", 0)
    assert legacy.notes == ("arguments of three: no JSON",)
    assert legacy.observation == "third"
    assert last.action == "done\nno"
    assert (run.task, run.task_id, run.success, run.reward) == (run.steps[1].action, "7", False, 0.5)
    assert run.tools == '[{"a":2,"b":1}]'


def test_a_bare_list_of_messages_is_one_run_in_every_file_kind(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(CHAT))
    (tmp_path / "b.json").write_text(json.dumps([CHAT, {"messages": CHAT}]))
    write(tmp_path / "c.jsonl", CHAT, CHAT)
    with gzip.open(tmp_path / "d.jsonl.gz", "wt") as handle:
        handle.write(json.dumps(CHAT))
    found, refused = runs(tmp_path)
    assert refused == []
    assert [(run.source, len(run.steps)) for run in found] == [
        (name, 5) for name in ("a.json", "b.json", "b.json", "c.jsonl", "c.jsonl", "d.jsonl.gz")
    ]
    assert len({run.id for run in found}) == 1


def atif(version="ATIF-v1.7", **more):
    steps = [
        {"step_id": 1, "source": "user", "message": "find the key"},
        {"step_id": 2, "source": "agent", "message": [{"type": "text", "text": "go"}], "reasoning_content": "why",
         "tool_calls": [{"tool_call_id": "c", "function_name": "f", "arguments": "verbatim {"}],
         "observation": {"results": [{"source_call_id": "c", "content": "seen"}]}, "extra": {"optimal": True}},
        {"step_id": 3, "source": "agent", "message": "wait", "extra": {"optimal": False}},
    ]  # fmt: skip
    return {
        "schema_version": version,
        "agent": {"name": "a", "version": "1", "model_name": "m"},
        "steps": steps,
        **more,
    }


@pytest.mark.parametrize(
    "place", [{"extra": {}}, {"final_metrics": {"extra": {}}}, {"final_metrics": {}}], ids=["extra", "inner", "metrics"]
)
def test_atif_outcome_is_found_in_each_of_its_places(place, tmp_path):
    outcome = {"success": True, "score": 2, "task_id": "game-1"}
    target = next(iter(place.values()))
    target.get("extra", target).update(outcome)
    (run,), _ = runs(write(tmp_path / "run.jsonl", atif(**place)))
    assert (run.success, run.reward, run.task_id, run.task) == (True, 2.0, "game-1", "find the key")
    assert [s.optimal for s in run.steps] == [None, True, False]
    assert run.agent_steps[0].call_text == "f(verbatim {)"
    assert (run.agent_steps[0].thought, run.agent_steps[0].action, run.agent_model) == ("why", "go", "m")


def test_atif_versions_and_sub_agents(tmp_path):
    rows = [atif(f"ATIF-v1.{minor}") for minor in range(9)]
    inner = atif(trajectory_id="sub", subagent_trajectories=[atif()])
    rows.append(atif(subagent_trajectories=[inner]))
    rows.append(atif("ATIF-v2.0"))
    found, refused = runs(write(tmp_path / "runs.jsonl", *rows))
    assert len(found) == 9 + 3
    assert [row.line for row in refused] == [11]
    assert "ATIF-v2.0 is another major version" in refused[0].reason


def test_tau2_results_are_one_run_a_simulation(tmp_path):
    messages = [
        {"role": "assistant", "content": "Hi!"},
        {"role": "user", "content": None, "tool_calls": [
            {"id": "u1", "name": "toggle", "arguments": {"on": True}, "requestor": "user"}]},
        {"role": "tool", "id": "u1", "content": "toggled", "requestor": "user"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "x", "name": "get", "arguments": {"id": 1}}, {"id": "y", "name": "get", "arguments": {"id": 2}}]},
        {"role": "tool", "tool_messages": [{"role": "tool", "id": "x", "content": "1"},
                                           {"role": "tool", "id": "y", "content": "2"}]},
    ]  # fmt: skip
    good = {"id": "s", "task_id": "t1", "reward_info": {"reward": 1.0}, "messages": messages}
    cut = {**good, "termination_reason": "max_steps", "reward_info": {"reward": 0.0}, "task_id": "none"}
    results = {
        "info": {"agent_info": {"llm": "gpt"}},
        "tasks": [{"id": "t1", "user_scenario": {"instructions": {"reason": "phone"}}}],
        "simulations": [good, "broken", cut],
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    found, refused = runs(path)
    assert [row.line for row in refused] == [2]
    assert [(run.task_id, run.success, run.truncated) for run in found] == [("t1", True, False), ("none", False, True)]
    assert (found[0].task, found[0].agent_model) == ("", "gpt")
    assert "phone" not in to_json(found[0])
    assert [step.weight for step in found[0].agent_steps] == [0, 1]
    assert calls(found[0]) == [("toggle", '{"on":true}', "u1"), ("get", '{"id":1}', "x"), ("get", '{"id":2}', "y")]
    assert answers(found[0]) == [("toggled", "u1"), ("1", "x"), ("2", "y")]
    assert sniff_kind(path) == "trajectories"


def test_mini_swe_agent_document_with_info(tmp_path):
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Please solve this issue: it fails\n\nYou can execute bash commands and so on"},
        {"role": "assistant", "content": "THOUGHT: look\n\n```bash\nls -la\n```"},
        {"role": "user", "content": "<returncode>0</returncode>"},
        {"role": "assistant", "content": "no block"},
        {"role": "exit", "content": "out of money"},
    ]
    info = {"exit_status": "LimitsExceeded", "mini_version": "2.0.0", "config": {"model": {"model_name": "m"}}}
    document = {"info": info, "messages": messages, "trajectory_format": "mini-swe-agent-1.1"}
    path = tmp_path / "x.traj.json"
    path.write_text(json.dumps(document, indent=2))
    (run,), _ = runs(path)
    assert (run.format, run.task, run.truncated, run.agent_model) == ("swe_agent", "it fails", True, "m")
    assert [(s.thought, s.action) for s in run.agent_steps] == [("THOUGHT: look", "ls -la"), ("", "no block")]
    assert [o for o, _ in answers(run)] == ["<returncode>0</returncode>", "out of money"]


def test_swe_agent_turns_that_no_step_holds_keep_their_tool_calls(tmp_path):
    def turn(action, call):
        made = [{"id": call, "type": "function", "function": {"name": "bash", "arguments": action}}]
        return {
            "role": "assistant",
            "content": "",
            "action": action,
            "thought": "t",
            "agent": "main",
            "tool_calls": made,
        }

    def reply(call):
        return {"role": "tool", "content": "shown", "agent": "main", "tool_call_ids": [call]}

    history = [{"role": "user", "content": "ISSUE:\nbug\n\nINSTRUCTIONS:\nfix", "agent": "main"}]
    for action in ("ls", "cat", "rm"):
        history += [turn(action, f"id-{action}"), reply(f"id-{action}")]
    steps = [{"action": a, "observation": f"saw {a}", "thought": "", "query": []} for a in ("ls", "rm", "submit")]
    document = {"trajectory": steps, "history": history, "info": {"exit_status": "exit_cost"}}
    path = tmp_path / "x.traj"
    path.write_text(json.dumps(document))
    (run,), _ = runs(path)
    assert [s.action for s in run.agent_steps] == ["ls", "cat", "rm", "submit"]
    assert [c[1] for c in calls(run)] == ["ls", "cat", "rm"]
    assert answers(run) == [("saw ls", "id-ls"), ("saw rm", "id-rm"), ("saw submit", None)]
    assert (run.task, run.truncated) == ("bug", True)


# Provenance and kinds


def test_a_stored_record_may_not_rise_to_real(tmp_path):
    (run,), _ = runs(write(tmp_path / "chat.jsonl", CHAT), origin=Origin.REAL)
    own = tmp_path / "own.jsonl"
    own.write_text(to_json(run) + "\n", encoding="utf-8")
    assert runs(own, origin=Origin.REAL)[0] == [run]
    for origin in (Origin.SYNTHETIC, Origin.ON_POLICY):
        with pytest.raises(InputError, match=r"own\.jsonl, line 1, field `origin`.*--origin real"):
            runs(own, origin=origin)
    own.write_text(to_json(run).replace('"real"', '"synthetic"') + "\n", encoding="utf-8")
    assert runs(own, origin=Origin.REAL)[0][0].origin is Origin.SYNTHETIC


def test_an_unknown_format_is_shown_as_it_is_with_what_to_write(tmp_path):
    path = write(tmp_path / "odd.jsonl", {"hello": 1}, {"hello": 2})
    with pytest.raises(
        InputError, match="line 1: no reader accepts this row: an object of hello; write runs as"
    ) as caught:
        runs(path)
    assert str(caught.value).count("no reader accepts") == 1 and len(str(caught.value)) < 500
    near = write(tmp_path / "near.jsonl", {"schema_version": "ATIF-v9.1", "steps": []})
    with pytest.raises(InputError, match=r"no reader accepts this row: atif: ATIF-v9\.1 is another major version"):
        runs(near)
    with pytest.raises(InputError, match=r"no column holds texts: `hello` \(numbers\)"):
        list(read_candidates(path, origin=Origin.SYNTHETIC))


SHARED = [
    {"from": "human", "value": "Splice it."},
    {"from": "function_call", "value": '{"name": "splice", "arguments": {}}'},
    {"from": "observation", "value": "held"},
    {"from": "gpt", "value": "Done."},
]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"content": "a lesson", "messages": CHAT}, "candidates"),
        ({"prompt": "p", "completion": "c"}, "candidates"),
        ({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}, "candidates"),
        ({"messages": CHAT}, "trajectories"),
        ({"conversations": SHARED, "tools": "[]"}, "candidates"),
        (CHAT, "trajectories"),
        (atif(), "trajectories"),
        ({"traj": CHAT, "reward": 1.0}, "trajectories"),
    ],
)
def test_sniff_kind(row, kind, tmp_path):
    assert sniff_kind(write(tmp_path / "x.jsonl", {"odd": 1}, row)) == kind


def test_sniff_kind_refuses_what_is_neither(tmp_path):
    with pytest.raises(InputError, match=r"no column holds texts: `odd` \(numbers\)"):
        sniff_kind(write(tmp_path / "x.jsonl", {"odd": 1}))
