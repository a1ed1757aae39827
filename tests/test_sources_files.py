"""Bad input: what is refused as a file, what is one quarantined row, and that memory and errors stay within bounds."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthdata.errors import InputError
from synthdata.records import Observation, Origin, QuarantinedRow, Step, ToolCall, Trajectory, from_json, to_json
from synthdata.sources import read_candidates, read_trajectories, sniff_kind
from synthdata.sources.files import DOCUMENT_ROWS, MAX_DEPTH, Row, list_files, read_rows, strict_json

GOOD = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
LINE = json.dumps(GOOD).encode()
IN_PLACE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def both(path, **options):
    found = list(read_trajectories(path, origin=Origin.SYNTHETIC, **options))
    return [x for x in found if isinstance(x, Trajectory)], [x for x in found if isinstance(x, QuarantinedRow)]


def rows(path, bound=10_000):
    return [row for file in list_files(path) for row in read_rows(file, bound)]


# Without a time, so that two workers collect the same tests.
PACKED = gzip.compress(LINE, mtime=0)


# Whole files


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.jsonl", b"", "the file is empty"),
        ("empty.json", b"", "the file is empty"),
        ("bom.jsonl", b"\xef\xbb\xbf \r\n\n", "the file is empty"),
        ("empty.jsonl.gz", gzip.compress(b"\n", mtime=0), "the file is empty"),
        ("cut.jsonl.gz", gzip.compress(LINE * 50, mtime=0)[:-9], "truncated or corrupt gzip"),
        ("cut.json.gz", gzip.compress(b"[" + LINE + b"]", mtime=0)[:30], "truncated or corrupt gzip"),
        (
            "bad.jsonl.gz",
            gzip.compress(LINE, mtime=0)[:15] + b"\xff\x00\xff" + gzip.compress(LINE, mtime=0)[18:],
            "corrupt gzip",
        ),
        ("plain.jsonl.gz", LINE, "does not begin as gzip does"),
        ("bad.parquet", b"PAR1 nothing PAR1", "Parquet"),
    ],
)
def test_a_damaged_file_is_refused_whole(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (read_trajectories, read_candidates):
        with pytest.raises(InputError, match=message) as caught:
            list(read(path, origin=Origin.SYNTHETIC))
        assert name in str(caught.value)
        assert caught.value.exit_code == 2


def test_a_damaged_file_in_a_folder_is_one_quarantined_row(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINE)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((LINE + b"\n") * 9)[:-9])
    (tmp_path / "c.json").write_bytes(b"")
    found, refused = both(tmp_path)
    assert [run.source for run in found] == ["a.jsonl"]
    assert [(row.file, row.line) for row in refused] == [("b.jsonl.gz", 0), ("c.json", 0)]


def test_missing_paths_and_empty_folders(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        both(tmp_path / "none.jsonl")
    (tmp_path / "README.md").write_text("hello")
    with pytest.raises(InputError, match="no file to read in this folder"):
        both(tmp_path)


def test_a_folder_is_read_sorted_without_readmes_and_hidden_files(tmp_path):
    for name in (
        "b/x.traj",
        "a.json",
        "b/a.jsonl.gz",
        ".git/x.json",
        "b/.x.json",
        "README.json",
        "x.txt",
        "x.traj.json",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(LINE) if name.endswith(".gz") else LINE)
    assert [file.name for file in list_files(tmp_path)] == ["a.json", "b/a.jsonl.gz", "b/x.traj", "x.traj.json"]
    assert [run.source for run in both(tmp_path)[0]] == ["a.json", "b/a.jsonl.gz", "b/x.traj", "x.traj.json"]


# Rows

BAD = [
    (b'{"messages": [', "invalid JSON"),
    (b'\xff\xfe{"a": 1}', "invalid UTF-8 at byte 0"),
    (b'{"a": "\x00"}', "NUL byte at byte 7"),
    (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
    (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested deeper"),
    (b'{"a": NaN}', "no reader accepts"),
    (b'{"a": 1e999}', "too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", "invalid JSON"),
    (b'{"a": "\\ud800"}', "no reader accepts"),
    (b'{"a": 1} {"b": 2}', "Extra data"),
    (b'"just text"', "no reader accepts"),
    (b"42", "no reader accepts"),
    (b"null", "no reader accepts"),
    (b'{"messages": []}', "no reader accepts"),
    (b'{"messages": [{"role": "wizard"}]}', "`messages[0].role` is 'wizard'"),
    (b'{"messages": [{"role": "assistant", "tool_calls": 3}]}', "`messages[0].tool_calls` must be a list"),
    (b'{"messages": [{"role": "assistant"}], "success": "yes"}', "`success` must be true or false"),
    (b'{"messages": [{"role": "user", "content": "only"}]}', "no step of an agent"),
    (b'{"schema_version": "ATIF-v1.7", "steps": [{"source": 1}]}', "`steps[0].source`"),
    (b'{"traj": [7], "reward": 1}', "`messages[0]` must be an object"),
    (b'{"traj": [], "reward": "one"}', "`reward` must be a number"),
    (b'{"task": 1, "steps": [], "origin": "real", "lineage_depth": 0}', "native: `task`"),
    (b"[" + LINE + b", 1]", "no reader accepts"),
    (b'{"messages": [{"role": "assistant", "content": "' + b"x" * 300_000 + b'"}]}', "longer than max_row_bytes"),
]


def test_bad_rows_are_quarantined_with_place_reason_and_head_and_the_rest_goes_on(tmp_path):
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + LINE + b"\r\n\r\n" + b"\n".join(bad for bad, _ in BAD) + b"\n" + LINE)
    found, refused = both(path, max_row_bytes=250_000)
    assert len(found) == 2
    assert [row.line for row in refused] == list(range(3, 3 + len(BAD)))
    for row, (_, reason) in zip(refused, BAD, strict=True):
        assert reason in row.reason
        assert (row.file, row.stage) == ("mixed.jsonl", "read")
        assert row.head and len(row.head) <= 500 and row.head.isprintable()


@pytest.mark.parametrize("bad", [bad for bad, _ in BAD])
def test_a_path_of_which_nothing_can_be_used_is_refused_with_the_first_reasons(bad, tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(bad)
    with pytest.raises(InputError, match=r"no usable trajectory(.|\n)*bad\.jsonl, line 1: "):
        both(path, max_row_bytes=250_000)


def test_a_document_has_its_own_bound_and_may_hold_lines(tmp_path):
    path = tmp_path / "doc.json"
    path.write_bytes(b"[" + b",".join([LINE] * 7) + b"]")
    assert len(both(path, max_row_bytes=len(LINE) + 1)[0]) == 7
    path.write_bytes(b"[" + b",".join([LINE] * (DOCUMENT_ROWS + 1)) + b"]")
    assert len(both(path, max_row_bytes=len(LINE))[0]) == DOCUMENT_ROWS + 1, "a list is read item by item"
    path.write_bytes(b'{"runs": [' + b",".join([LINE] * (DOCUMENT_ROWS + 1)) + b"]}")
    with pytest.raises(InputError, match="document larger than"):
        both(path, max_row_bytes=len(LINE))
    path.write_bytes(LINE + b"\n\nbroken\n" + LINE)
    found, refused = both(path)
    assert (len(found), [row.line for row in refused]) == (2, [3])
    path.write_bytes(b'[{"messages":\n broken')
    with pytest.raises(InputError, match=r"doc\.json, line 1: invalid JSON"):
        both(path)


LONG = """
import resource, sys
from synthdata.records import Origin, QuarantinedRow
from synthdata.sources import read_candidates
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
items = list(read_candidates(sys.argv[1], origin=Origin.SYNTHETIC, max_row_bytes=1_000_000))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert [isinstance(item, QuarantinedRow) for item in items] == [False, True, False], items
print(items[1].line, (after - before) // 1024)
"""


@pytest.mark.parametrize("name", ["long.jsonl", "long.jsonl.gz"])
def test_a_line_of_50_megabytes_is_skipped_in_bounded_memory(name, tmp_path):
    path = tmp_path / name
    row = b'{"content": "a short one that stays"}\n'
    with (gzip.open if name.endswith(".gz") else open)(path, "wb") as handle:
        handle.write(row + b'{"content": "')
        for _ in range(50):
            handle.write(b"x" * 1_000_000)
        handle.write(b'"}\n' + row)
    done = subprocess.run([sys.executable, "-c", LONG, path], capture_output=True, text=True, check=True)
    line, megabytes = map(int, done.stdout.split())
    assert line == 2
    assert megabytes < 20


def test_one_long_line_alone_is_refused(tmp_path):
    path = tmp_path / "long.jsonl"
    path.write_bytes(b"x" * 3_000_000)
    with pytest.raises(InputError, match=r"long\.jsonl, line 1: line longer than max_row_bytes = 1000000"):
        both(path, max_row_bytes=1_000_000)


# Properties

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SEEDS = [
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": None, "tool_calls": [CALL]},
                  {"role": "tool", "tool_call_id": "c", "content": "r"}], "tools": [{}], "success": True},
    {"schema_version": "ATIF-v1.7", "agent": {"model_name": "m"}, "final_metrics": {"extra": {"score": 1}},
     "steps": [{"source": "agent", "message": "m", "tool_calls": [{"tool_call_id": "c", "function_name": "f"}],
                "observation": {"results": [{"source_call_id": "c", "content": "r"}]}, "extra": {"optimal": True}}],
     "subagent_trajectories": []},
    {"task_id": 1, "reward": 1.0, "info": {"task": {"instruction": "i"}},
     "traj": [{"role": "assistant", "content": "x"}]},
    {"info": {"agent_info": {}}, "tasks": [{"id": "t", "user_scenario": {"instructions": "i"}}],
     "simulations": [{"task_id": "t", "messages": [{"role": "assistant", "tool_calls": [CALL]}], "reward_info": {}}]},
    {"trajectory": [{"action": "a", "observation": "o", "thought": "t"}], "info": {"exit_status": "submitted"},
     "history": [{"role": "user", "content": "q", "agent": "m"},
                 {"role": "assistant", "content": "", "action": "a", "agent": "m", "tool_calls": [CALL]},
                 {"role": "tool", "content": "o", "agent": "m", "tool_call_ids": ["c"]}]},
    {"messages": [{"role": "assistant", "content": "```bash\nls\n```"}], "info": {"mini_version": "1"}},
    {"state": {"history": [{"role": "user", "content": "x\nTask:\np"}, {"role": "assistant", "content": "a"},
                           {"role": "user", "content": "Observation:\no"}], "success": True}, "task": {"prompt": "p"}},
    json.loads(to_json(Trajectory("t", (Step(0, "agent", "a", tool_calls=(ToolCall("f", "{}"),)),)))),
    {"type": "user", "sessionId": "s", "uuid": "u", "version": "1", "message": {"role": "user", "content": "x"}},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1", "spanId": "2", "name": "chat"}]}]}]},
    {"content": "c", "context": "x", "lineage_depth": 1, "payload": {"a": 1}, "origin": "synthetic"},
    {"prompt": "p", "completion": [{"role": "assistant", "content": "c"}]},
]  # fmt: skip


@st.composite
def mutated(draw):
    """A valid row with one to three of its places replaced by any JSON, or removed."""
    value = json.loads(json.dumps(draw(st.sampled_from(SEEDS))))
    for _ in range(draw(st.integers(1, 3))):
        node = value
        while isinstance(node, dict | list) and node:
            key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            if not isinstance(node[key], dict | list) or not node[key] or draw(st.booleans()):
                if draw(st.booleans()):
                    node[key] = draw(JSON)
                else:
                    del node[key]
                break
            node = node[key]
    return value


@IN_PLACE
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_no_json_makes_a_reader_raise_anything_but_an_input_error(tmp_path, values):
    for name, text in (("x.jsonl", "\n".join(map(json.dumps, values))), ("x.json", json.dumps(values))):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        for read in (read_trajectories, read_candidates):
            try:
                for item in read(path, origin=Origin.ON_POLICY):
                    assert not isinstance(item, QuarantinedRow) or (item.reason and item.head.isprintable())
            except InputError as error:
                assert name in str(error)
        try:
            assert sniff_kind(path) in ("trajectories", "candidates")
        except InputError as error:
            assert name in str(error)


@IN_PLACE
@given(st.binary(max_size=400))
def test_no_bytes_make_a_reader_raise_anything_but_an_input_error(tmp_path, content):
    for name in ("x.jsonl", "x.json", "x.jsonl.gz", "x.parquet"):
        path = tmp_path / name
        path.write_bytes(content)
        for read in (read_trajectories, read_candidates):
            with pytest.raises(InputError, match=name):
                list(read(path, origin=Origin.SYNTHETIC))


@IN_PLACE
@given(st.lists(st.dictionaries(st.text(max_size=9), st.text(), max_size=3), min_size=1), st.booleans())
def test_gzip_and_line_ends_change_nothing(tmp_path, values, crlf):
    content = (b"\r\n" if crlf else b"\n").join(json.dumps(value).encode() for value in values)
    (tmp_path / "plain.jsonl").write_bytes(content)
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(content))
    (tmp_path / "doc.json").write_text(json.dumps(values))
    found = rows(tmp_path / "plain.jsonl")
    assert [row.value for row in found] == values
    for other in ("packed.jsonl.gz", "doc.json"):
        assert [(row.line, row.value) for row in rows(tmp_path / other)] == [(row.line, row.value) for row in found]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
STEP = st.builds(
    Step,
    idx=st.integers(0, 99),
    role=st.sampled_from(["agent", "user", "system"]),
    action=TEXT,
    thought=TEXT,
    tool_calls=st.lists(st.builds(ToolCall, TEXT, TEXT, st.none() | TEXT), max_size=2).map(tuple),
    observations=st.lists(st.builds(Observation, TEXT, st.none() | TEXT), max_size=2).map(tuple),
    optimal=st.none() | st.booleans(),
)
RUN = st.builds(
    Trajectory,
    task=TEXT,
    steps=st.lists(STEP, max_size=3).map(lambda steps: (*steps, Step(9, "agent", "last"))),
    success=st.none() | st.booleans(),
    reward=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    source=st.just("elsewhere.json"),
    format=st.just("atif"),
    licence=TEXT,
    origin=st.sampled_from(list(Origin)),
    lineage_depth=st.integers(0, 5),
    truncated=st.booleans(),
)


@IN_PLACE
@given(st.lists(RUN, min_size=1, max_size=4))
def test_our_own_jsonl_reads_back_as_it_was_written(tmp_path, written):
    path = tmp_path / "own.jsonl"
    path.write_text("".join(to_json(run) + "\n" for run in written), encoding="utf-8")
    assert list(read_trajectories(path, origin=Origin.REAL)) == written
    assert [from_json(Trajectory, to_json(run)).id for run in written] == [run.id for run in written]


@given(JSON)
def test_strict_json_gives_what_json_gives(value):
    text = json.dumps(value)
    try:
        assert strict_json(text.encode()) == json.loads(text)
    except ValueError:
        assert "NaN" in text or "Infinity" in text or "\\ud" in text


def test_the_row_is_streamed_not_collected(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_bytes((LINE + b"\n") * 1000 + b"broken\n")
    stream = read_trajectories(path, origin=Origin.SYNTHETIC)
    assert isinstance(next(stream), Trajectory)
    first = next(iter(read_rows(list_files(path)[0], 1000)))
    assert first == Row("many.jsonl", 1, GOOD)
