"""The small invented logs of ../shared/cases/logs: what each must become, and its kind with other content.

Skipped where the folder is not beside the project.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from synthdata.export.conversation import conversation
from synthdata.records import Origin, QuarantinedRow, Trajectory, from_json, to_json
from synthdata.rounds.steps import read_runs
from synthdata.settings import Settings
from synthdata.sources import read_trajectories, sniff_kind

CASES = Path(__file__).parent.parent.parent / "shared" / "cases" / "logs"


def both(path):
    found = list(read_trajectories(path, origin=Origin.REAL))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def case(name):
    path = CASES / name
    if not path.exists():
        pytest.skip(f"the shared cases are not here: {path}")
    runs, refused = both(path)
    assert refused == [] and sniff_kind(path) == "trajectories"
    assert all(from_json(Trajectory, to_json(run)) == run for run in runs)
    return runs


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def calls(run):
    return [(c.name, c.arguments) for s in run.steps for c in s.tool_calls]


def answers(run):
    return [o.content for s in run.steps for o in s.observations]


def deeds(run):
    return [(s.action, s.weight) for s in run.agent_steps]


def test_copied_context_is_history():
    (run,) = case("a01_copied.json")
    assert deeds(run) == [("I fetch the needle.", 0), ("Now I sew.", 1)]
    assert run.agent_steps[0].notes and answers(run) == ["needle here", "sewn"]


def test_an_object_of_rewards_is_read():
    (run,) = case("a07_reward_metrics.json")
    assert run.reward == 1.0 and "`accuracy`" in run.notes[0]


def test_calls_without_arguments_have_empty_ones():
    (run,) = case("c02_noargs.jsonl")
    assert calls(run) == [("list_valves", "{}")] * 4
    assert all(step.weight for step in run.steps)


def test_an_empty_turn_is_never_a_completion():
    (run,) = case("c03_nulls.jsonl")
    assert [step.weight for step in run.agent_steps] == [1, 1, 0, 1]
    assert calls(run) == [("close", '{"valve":9}')] * 2 and answers(run) == ["", ""]


def test_an_image_leaves_its_type_size_and_hash_and_no_base64():
    (run,) = case("c04_image_small.jsonl")
    raw = json.loads((CASES / "c04_image_small.jsonl").read_text())
    url = raw["messages"][0]["content"][1]["image_url"]["url"]
    packed = url.partition(",")[2]
    data = base64.b64decode(packed + "=" * (-len(packed) % 4))
    digest = hashlib.sha256(data).hexdigest()
    shown = f"[image/png, {len(data)} bytes, sha256 {digest[:16]}]"
    assert run.task == f"What does the dial show?\n{shown}"
    assert answers(run) == [f"zoomed\n{shown}"]
    assert [(m.media_type, m.size, m.sha256) for s in run.steps for m in s.media] == [
        ("image/png", len(data), digest)
    ] * 2
    assert "iVBOR" not in to_json(run)


def test_content_blocks_are_thought_call_and_answer():
    (run,) = case("c05_anthropic.jsonl")
    first, last = run.agent_steps
    assert (first.thought, first.action) == ("I should list the hold first", "I will look into the hold.")
    assert calls(run) == [("look", '{"place":"hold 3"}')] and answers(run) == ["a wet floor below hose 12"]
    assert last.action == "Hose 12 is leaking." and len(run.steps) == 3


def test_an_answer_before_its_call_finds_it():
    (run,) = case("c07_before.jsonl")
    assert [s.role for s in run.steps] == ["user", "agent", "agent"]
    assert [o.content for o in run.steps[1].observations] == ["early answer"]
    assert run.steps[1].notes == ("an answer stood before its call",)


def test_arguments_that_are_no_json_are_kept_and_not_imitated():
    (run,) = case("c13_args.jsonl")
    assert [arguments for _, arguments in calls(run)] == ['{"min": 5}', '{"min": 5', "[5]", "min=5"]
    assert [step.weight for step in run.agent_steps] == [1, 0, 0, 0, 1]
    assert all(step.notes for step in run.agent_steps[:4])


def test_calls_with_args_are_read():
    (run,) = case("c17_args_key.jsonl")
    assert calls(run) == [("go", '{"dir":"north"}')] and answers(run) == ["went north"]


def test_a_growing_log_is_one_run():
    (run,) = case("c20_prefixes.jsonl")
    assert [arguments for _, arguments in calls(run)] == [json.dumps({"coat": i}) for i in range(5)]
    assert answers(run) == [f"coat {i} dry" for i in range(4)]
    assert "4 earlier states of this run" in run.notes[0]


def test_streamed_snapshots_are_one_turn():
    (run,) = case("k01_snapshots.jsonl")
    assert deeds(run) == [("the float switch is stuck with tar", 1)]


def test_errors_and_commands_of_the_interface_are_no_deeds_and_no_task():
    (run,) = case("k05_apierror.jsonl")
    assert run.task == "Count the lifeboats"
    assert calls(run) == [("Bash", '{"command":"count boats"}')]
    assert len(run.agent_steps) == 1 and "left out: 2" in run.notes[0]
    assert "API Error" not in to_json(run) and "No response requested" not in to_json(run)


def test_an_inline_side_chain_is_a_run_of_its_own():
    main, side = case("k08_sidechain.jsonl")
    assert (main.task, side.task) == ("Count all gear", "Sub task: count the ropes")
    assert answers(main) == ["nine ropes"] and deeds(main)[-1] == ("Nine ropes in all.", 1)
    assert deeds(side) == [("There are nine ropes.", 1)]


def test_an_unknown_first_line_is_passed_over():
    (run,) = case("k12_firstodd.jsonl")
    assert run.task == "Rebuild the deck winch" and answers(run) == ["gear drum pawl"]


def test_otlp_by_the_genai_conventions():
    (run,) = case("o01_otlp.jsonl")
    assert (run.task, run.agent_model) == ("Check the rudder", "m")
    assert run.agent_steps[0].thought == "ask the tool"
    assert calls(run) == [("probe", '{"part":"rudder"}')] and answers(run) == ["rudder loose"]
    assert deeds(run)[-1] == ("The rudder is loose.", 1)


def test_the_simulated_users_secrets_are_in_no_prompt_and_the_greeting_is_not_imitated():
    (run,) = case("tau2_greeting.json")
    assert run.task == "My engine knocks."
    assert deeds(run) == [("Hi! How can I help?", 0), ("", 1), ("A bolt is loose; I book a repair.", 1)]
    assert "SECRET-41" not in to_json(run) and "captain" not in to_json(run)
    told = [message for _, message in conversation(run)]
    assert "SECRET-41" not in json.dumps(told)
    assert [m["role"] for m in told] == ["assistant", "user", "assistant", "tool", "assistant"]


def test_ordinary_runs_are_read_whole(tmp_path):
    script = CASES / "make_ordinary_runs.py"
    if not script.exists():
        pytest.skip(f"the shared cases are not here: {script}")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True)
    runs, refused = both(tmp_path / "logs" / "base.jsonl")
    assert (len(runs), refused) == (160, [])
    assert all(len(calls(run)) == len(answers(run)) == 2 and not run.notes for run in runs)
    assert all(step.weight == 1 and not step.notes for run in runs for step in run.steps)


# Kinds, with content of our own


def chat(*messages, **around):
    return {"messages": [{"role": "user", "content": "Tar the seams"}, *messages], **around}


def said(text, **more):
    return {"role": "assistant", "content": text, **more}


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(90)).decode()
MEDIA = [
    {"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"},
    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    {"type": "image", "data": PNG, "mimeType": "image/png"},
    {"inlineData": {"mimeType": "image/png", "data": PNG}},
    {"image": {"format": "png", "source": {"bytes": PNG}}},
    {"type": "blob", "mime_type": "image/png", "modality": "image", "content": PNG},
    {"type": "file", "mediaType": "image/png", "data": PNG},
    {"type": "image", "image": PNG},
    {"type": "text", "text": f"see ![dial](data:image/png;base64,{PNG})"},
    {"type": "text", "text": json.dumps({"screenshot": PNG})},
]  # fmt: skip
FILES = [
    {"type": "input_audio", "input_audio": {"data": base64.b64encode(bytes(99)).decode(), "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + "QUJD" * 30}},
    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "QUJD" * 30}},
    {"type": "input_file", "filename": "a.pdf", "file_data": "QUJD" * 30},
]


@pytest.mark.parametrize("part", [*MEDIA, *FILES], ids=range(len(MEDIA) + len(FILES)))
@pytest.mark.parametrize("place", ["user", "tool"])
def test_no_base64_of_any_part_reaches_a_text(part, place, tmp_path):
    content = [{"type": "text", "text": "Look"}, part]
    call = said(None, tool_calls=[{"id": "x", "function": {"name": "look", "arguments": "{}"}}])
    if place == "user":
        messages = [{"role": "user", "content": content}, said("I see.")]
    else:
        messages = [call, {"role": "tool", "tool_call_id": "x", "content": content}, said("I see.")]
    (run,), _ = both(write(tmp_path / "x.jsonl", chat(*messages)))
    text = to_json(run)
    assert PNG[:40] not in text and "QUJDQUJD" not in text and "AAAAAAAA" not in text
    (media,) = [media for step in run.steps for media in step.media]
    assert media.sha256[:16] in text.replace(media.sha256, "")
    if part in MEDIA:
        assert (media.media_type, media.size) == ("image/png", 98)


def test_links_and_a_tools_own_json_stay_as_they_are(tmp_path):
    link = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}
    listing = [{"type": "file", "path": "a.txt"}, {"type": "dir", "path": "b"}]
    call = said(None, tool_calls=[{"id": "x", "function": {"name": "ls", "arguments": "{}"}}])
    back = {"role": "tool", "tool_call_id": "x", "content": listing}
    (run,), _ = both(write(tmp_path / "x.jsonl", chat(link, call, back, said("Two."))))
    assert "https://x.example/a.png" in run.steps[1].action
    assert json.loads(answers(run)[0]) == listing
    assert not any(step.media for step in run.steps)


def test_an_unknown_part_of_the_agent_is_kept_and_not_imitated(tmp_path):
    odd = {"role": "assistant", "content": [{"type": "hologram", "beam": 3}]}
    (run,), _ = both(write(tmp_path / "x.jsonl", chat(odd, said("Done."))))
    assert json.loads(run.steps[1].action) == {"type": "hologram", "beam": 3}
    assert [step.weight for step in run.agent_steps] == [0, 1]


SUCCESS = [(1, True), (0, False), (1.0, True), ("true", True), ("False", False), (True, True), (None, None)]


@pytest.mark.parametrize(("given", "read"), SUCCESS)
def test_what_clearly_means_success_is_read_and_said(given, read, tmp_path):
    (run,), _ = both(write(tmp_path / "x.jsonl", chat(said("Done."), success=given)))
    assert run.success is read
    assert bool(run.notes) == (given is not None and not isinstance(given, bool))


REWARDS = [
    ({"accuracy": 0.5}, 0.5), ({"reward": 1, "format": 0.2}, 1.0), ({"a": 1, "b": 2}, None), ("0.25", 0.25),
    ([0.5], 0.5), ([0.1, 0.2], None), (True, 1.0), (2, 2.0),
]  # fmt: skip


@pytest.mark.parametrize(("given", "read"), REWARDS, ids=range(len(REWARDS)))
def test_rewards_are_read_or_left_out_and_said(given, read, tmp_path):
    (run,), _ = both(write(tmp_path / "x.jsonl", chat(said("Done."), reward=given)))
    assert run.reward == read and bool(run.notes) == (given != 2)


def test_half_surrogates_and_nan_are_repaired_and_said(tmp_path):
    path = tmp_path / "x.jsonl"
    lines = [
        json.dumps(chat(said("broken \ud83d emoji"))),
        json.dumps(chat(said("Done."), logprobs=[float("nan")], reward=float("inf"))),
        json.dumps(chat(said("Two."), tool_calls=[]))
        .replace('"tool_calls": []', '"success": true')
        .replace('"Two."', '"", "tool_calls": [{"name": "go", "args": {"x": NaN}}]'),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    runs, refused = both(path)
    assert refused == []
    assert runs[0].agent_steps[0].action == "broken \N{REPLACEMENT CHARACTER} emoji"
    assert "surrogate" in runs[0].notes[0] and "NaN" in " ".join(runs[1].notes)
    assert runs[1].reward is None
    assert runs[2].agent_steps[0].weight == 0 and calls(runs[2]) == [("go", '{"x":NaN}')]


OBSERVATIONS = [
    "Observation: the seam is dry", "OBSERVATION:\nthe seam is dry", "Observation 3: dry", "[Tool result: dry]",
    "Tool output: dry", "<tool_response>\ndry\n</tool_response>", "<observation>dry</observation>",
    "EXECUTION RESULT of [ls]:\ndry", "Execution result: dry", "<returncode>0</returncode>",
]  # fmt: skip


@pytest.mark.parametrize("text", OBSERVATIONS)
def test_what_came_back_in_a_user_turn_is_an_observation(text, tmp_path):
    rows = chat(said("Action: look at the seam"), {"role": "user", "content": text}, said("It is dry."))
    (run,) = both(write(tmp_path / "x.json", [*rows["messages"]]))[0]
    assert [s.role for s in run.steps] == ["user", "agent", "agent"]
    assert answers(run) == [text]


PEOPLE = ["I observed: it drips", "The tool output looks odd to me", "observations are due on Monday", "Result?"]


@pytest.mark.parametrize("text", PEOPLE)
def test_what_a_person_said_stays_a_user_turn(text, tmp_path):
    rows = chat(said("Shall I look?"), {"role": "user", "content": text}, said("Yes."))
    (run,) = both(write(tmp_path / "x.json", [*rows["messages"]]))[0]
    assert [s.role for s in run.steps] == ["user", "agent", "user", "agent"]
    first = chat(said("Ahoy."))["messages"]
    first[0]["content"] = "Observation: the deck is wet. What now?"
    (run,) = both(write(tmp_path / "y.json", first))[0]
    assert run.task.startswith("Observation:") and answers(run) == []


def test_what_was_repaired_is_logged_in_one_line_and_kept_in_the_record(tmp_path, caplog):
    call = said(None, tool_calls=[{"id": "x", "function": {"name": "go\x1b[31m", "arguments": "no"}}])
    path = write(tmp_path / "x.jsonl", chat(call, said("Done."), success=1), chat(said("Clean.")))
    runs, _ = read_runs(path, Origin.REAL, Settings())
    (line,) = [record.getMessage() for record in caplog.records]
    assert "1 of 2 runs were read with notes" in line and "no JSON (1)" in line and "\x1b" not in line
    assert "`success` 1 read as true (1)" in line
    assert runs[0].notes and runs[0].steps[1].notes and not runs[1].notes


# Beginnings


def grown(n, thoughts=False, **around):
    turns = []
    for i in range(n):
        turns.append(said(f"stroke {i}", **({"reasoning_content": f"why {i}"} if thoughts else {})))
        turns.append({"role": "user", "content": f"go on {i}"})
    return chat(*turns, said("end" if n == 3 else f"stroke {n}"), **around)


def test_a_run_that_begins_another_is_that_run_also_across_files(tmp_path):
    write(tmp_path / "a.jsonl", grown(1), chat(said("something else")))
    write(tmp_path / "b.jsonl", grown(3), grown(0))
    runs, refused = both(tmp_path)
    assert [(run.source, len(run.agent_steps)) for run in runs] == [("a.jsonl", 1), ("b.jsonl", 4)]
    assert refused == [] and "2 earlier states" in runs[1].notes[0]


def test_runs_that_part_have_other_outcomes_or_tasks_are_their_own(tmp_path):
    rows = [grown(1, success=False), grown(3, success=True), grown(0, task_id="b"), chat(said("stroke 1"))]
    runs, _ = both(write(tmp_path / "x.jsonl", *rows))
    assert len(runs) == 4 and all(run.notes == () for run in runs)
    runs, _ = both(write(tmp_path / "y.jsonl", grown(1), grown(1)))
    assert len(runs) == 2


def test_thoughts_of_a_beginning_are_given_to_the_longer_run(tmp_path):
    runs, _ = both(write(tmp_path / "x.jsonl", grown(1, thoughts=True), grown(2, thoughts=False)))
    assert [[s.thought for s in run.agent_steps] for run in runs] == [["why 0", "", ""]]
    runs, _ = both(write(tmp_path / "y.jsonl", grown(2), grown(1, thoughts=True)))
    assert len(runs) == 2


@pytest.mark.parametrize("block", [1, 1 << 17])
def test_a_beginning_that_left_the_window_stays_and_its_steps_are_trained_once(block, tmp_path, monkeypatch):
    monkeypatch.setattr("synthdata.sources.beginnings._BLOCK", block)
    between = [chat(said(f"plank {i} " + "x" * 100)) for i in range(20)]
    path = write(tmp_path / "x.jsonl", grown(0), *between, grown(2), grown(1))
    (first, *_, last), _ = both(path)
    assert len(both(path)[0]) == 21 and last.notes and all(step.weight for step in last.steps)
    monkeypatch.setattr("synthdata.sources.beginnings.WINDOW", 9_000)
    runs, refused = both(path)
    assert (len(runs), refused) == (22, [])
    first, last = runs[0], runs[-1]
    assert [(s.action, s.weight) for s in first.agent_steps] == [("stroke 0", 1)]
    assert [(s.action, s.weight) for s in last.agent_steps] == [("stroke 0", 0), ("stroke 1", 1), ("stroke 2", 1)]
    assert "1 earlier states" in last.notes[0] and "earlier run already" in last.agent_steps[0].notes[0]
