"""Files of candidates: which fields become what, what is quarantined, and that each line is a candidate of its own."""

from __future__ import annotations

import gzip
import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthdata.errors import InputError
from synthdata.records import Candidate, Origin, QuarantinedRow
from synthdata.sources import read_candidates


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path, origin=Origin.SYNTHETIC, **options):
    return list(read_candidates(path, origin=origin, **options))


ALL = {
    "content": "Check the seat map first.", "context": "booking", "id": 12, "lineage_depth": 0, "source": "notes",
    "licence": "MIT", "task_id": "t", "payload": {"b": 1, "a": [None]}, "generator": "m", "trajectory_id": "r",
    "sample_index": 3, "unknown": {"ignored": True},
}  # fmt: skip


def test_every_field_arrives(tmp_path):
    (found,) = read(write(tmp_path / "c.jsonl", ALL), Origin.ON_POLICY)
    assert found == Candidate(
        content="Check the seat map first.", context="booking", external_id="12", origin=Origin.ON_POLICY,
        source="notes", licence="MIT", task_id="t", trajectory_id="r", lineage_depth=0, generator="m", sample_index=3,
        payload='{"a":[null],"b":1}',
    )  # fmt: skip


def test_prompt_completion_and_messages_become_context_and_content(tmp_path):
    call = {"function": {"name": "f", "arguments": "{}"}}
    chat = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "wait", "tool_calls": [call]},
        {"role": "tool", "content": "r"},
        {"role": "assistant", "content": [{"type": "text", "text": "the answer"}]},
        {"role": "user", "content": "thanks"},
    ]
    path = write(
        tmp_path / "c.jsonl",
        {"prompt": "p", "completion": "c"},
        {"prompt": chat[:2], "completion": [chat[4]]},
        {"messages": chat},
        {"content": "own", "prompt": "p", "completion": "c", "messages": chat},
        {"content": "own", "context": "ctx", "prompt": "p", "completion": "c"},
        {"prompt": "p", "completion": "c", "context": "given"},
    )
    assert [(c.context, c.content) for c in read(path)] == [
        ("p", "c"),
        ("system: s\nuser: q", "the answer"),
        ("system: s\nuser: q\nassistant: wait\nf({})\ntool: r\nuser: thanks", "the answer"),
        ("", "own"),
        ("ctx", "own"),
        ("given", "c"),
    ]


def test_defaults(tmp_path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "c.jsonl", {"content": "x"})
    (found,) = read(tmp_path)
    assert found == Candidate(content="x", source="sub/c.jsonl")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"content": 3}, "no text `content`"),
        ({"context": "only"}, "no text `content`"),
        ({"messages": [{"role": "user", "content": "q"}]}, "no message of role assistant"),
        ({"messages": ["x"]}, r"`messages[0]` must be an object"),
        ({"prompt": 1, "completion": "c"}, "`prompt` must be a list"),
        ({"content": "x", "lineage_depth": "two"}, "`lineage_depth` must be a whole number"),
        ({"content": "x", "lineage_depth": -1}, "`lineage_depth`"),
        ({"content": "x", "sample_index": True}, "`sample_index`"),
        ({"content": "x", "task_id": ["t"]}, "`task_id` must be a text"),
        ({"content": "x", "context": {"a": 1}}, "`context` must be a text"),
        ({"content": "x", "origin": "human"}, "`origin` must be one of"),
        ({"content": "x", "origin": ["real"]}, "`origin` must be one of"),
        (["x"], "not an object"),
    ],
)
def test_unusable_rows_are_quarantined_and_the_rest_goes_on(row, reason, tmp_path):
    first, bad, last = read(write(tmp_path / "c.jsonl", {"content": "a"}, row, {"content": "b"}))
    assert (first.content, last.content) == ("a", "b")
    assert isinstance(bad, QuarantinedRow)
    assert reason in bad.reason
    assert (bad.file, bad.line) == ("c.jsonl", 2)
    assert json.loads(bad.head) == row


@pytest.mark.parametrize("origin", [Origin.SYNTHETIC, Origin.ON_POLICY])
def test_a_line_that_calls_itself_real_refuses_the_file(origin, tmp_path):
    path = write(tmp_path / "c.jsonl", {"content": "a"}, {"content": "b", "origin": "real"})
    with pytest.raises(InputError, match=r"c\.jsonl, line 2, field `origin`.*cannot make itself real.*--origin real"):
        read(path, origin)
    assert [c.origin for c in read(path, Origin.REAL)] == [Origin.REAL, Origin.REAL]


def test_a_row_may_only_lower_its_origin(tmp_path):
    path = write(tmp_path / "c.jsonl", {"content": "a", "origin": "on_policy"}, {"content": "b", "origin": "synthetic"})
    assert [c.origin for c in read(path, Origin.REAL)] == [Origin.ON_POLICY, Origin.SYNTHETIC]
    assert [c.origin for c in read(path, Origin.SYNTHETIC)] == [Origin.SYNTHETIC, Origin.SYNTHETIC]


def test_no_usable_row_is_refused_with_the_first_reasons(tmp_path):
    with pytest.raises(
        InputError, match=r"no usable sample(.|\n)*line 1: `messages` holds no message of role assistant"
    ):
        read(write(tmp_path / "c.jsonl", {"messages": [{"role": "user", "content": "q"}]}))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"content": st.sampled_from("ab")}, optional={"licence": st.sampled_from("xy"), "id": st.sampled_from("12")}
        ),
        min_size=1,
    )
)
def test_every_line_is_a_candidate_with_an_id_of_its_own(tmp_path, rows):
    path = write(tmp_path / "c.jsonl", *rows)
    found = read(path)
    assert [c.content for c in found] == [row["content"] for row in rows]
    assert len({c.id for c in found}) == len(rows)
    again = read(write(tmp_path / "c.jsonl", *reversed(rows)))
    assert {c.id for c in again} == {c.id for c in found}


def test_occurrence_counts_over_all_files_of_the_input(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, {"content": "same"}, {"content": "other " + name})
    assert [(c.source, c.occurrence) for c in read(tmp_path)] == [
        ("a.jsonl", 0), ("a.jsonl", 0), ("b.jsonl", 1), ("b.jsonl", 0)
    ]  # fmt: skip


def test_parquet_jsonl_and_gzip_give_the_same_candidates(tmp_path):
    rows = [{**ALL, "sample_index": i, "context": None if i % 2 else "c"} for i in range(600)]
    for row in rows:
        del row["id"], row["payload"], row["unknown"]
    write(tmp_path / "c.jsonl", *rows)
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress((tmp_path / "c.jsonl").read_bytes()))
    pl.DataFrame(rows).with_columns(embedding=pl.lit(float("nan"))).write_parquet(tmp_path / "c.parquet")
    plain = read(tmp_path / "c.jsonl")
    assert len(plain) == 600
    assert read(tmp_path / "c.jsonl.gz") == plain
    assert read(tmp_path / "c.parquet") == plain


def test_parquet_with_nested_messages_and_rows_out_of_bounds(tmp_path):
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    frame = pl.DataFrame(
        {
            "messages": [chat, chat, None, chat],
            "payload": [1.5, float("nan"), 2.0, 3.0],
            "task_id": ["t", "t", "t", "x" * 5000],
        }
    )
    frame.write_parquet(tmp_path / "c.parquet")
    first, *bad = read(tmp_path / "c.parquet", max_row_bytes=1000)
    assert (first.context, first.content, first.payload) == ("user: q", "a", "1.5")
    assert [row.line for row in bad] == [2, 3, 4]
    assert [text in row.reason for row, text in zip(bad, ("JSON", "no text `content`", "max_row_bytes"), strict=True)]
    with pytest.raises(InputError, match="trajectories are not read from Parquet"):
        from synthdata.sources import read_trajectories

        list(read_trajectories(tmp_path / "c.parquet", origin=Origin.REAL))
