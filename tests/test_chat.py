"""Conversations as they came: what is derived from them, what is refused, and that a corpus keeps every character."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_texts import lessons

from synthdata.api import Corpus
from synthdata.corpus.rows import DECISIONS
from synthdata.corpus.tables import Table
from synthdata.corpus.verify import verify
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Chat, Decision, Verdict
from synthdata.settings import Settings

CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"place": "hold", "at": 2}'}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "You keep a ship."},
    {"role": "user", "content": "Look at the pump.", "name": "mate"},
    {"role": "assistant", "content": "First I look.", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "It is worn."},
    {"role": "assistant", "content": [{"type": "text", "text": "The pump is worn."}]},
    {"role": "user", "content": "Thanks."},
]


def test_content_and_context_are_derived() -> None:
    chat = Chat(TALK)
    assert chat.answers == (2, 4)
    assert chat.content == "The pump is worn."
    assert chat.context == (
        "system: You keep a ship.\nuser: Look at the pump.\nassistant: First I look.\n"
        'look({"place": "hold", "at": 2})\ntool: It is worn.\nuser: Thanks.'
    )
    assert Chat(TALK[1:3], prompt_length=1).context == "Look at the pump."


@pytest.mark.parametrize("mark", [{"weight": 0}, {"train": False}, {"loss": False}, {"weight": 0.0}])
def test_a_weight_of_nothing_takes_a_turn_out(mark: dict[str, Any]) -> None:
    chat = Chat([*TALK[:4], TALK[4] | mark])
    assert chat.answers == (2,) and chat.content.startswith("First I look.")
    kept = dict.fromkeys(mark, 1)
    assert Chat([*TALK[:4], TALK[4] | kept]).answers == (2, 4)


def test_turns_of_the_prompt_and_empty_turns_are_not_learnt() -> None:
    assert Chat(TALK, prompt_length=3).answers == (4,)
    silent: list[dict[str, Any]] = [{"role": "assistant", "content": text} for text in ("", None, [], " \n")]
    assert Chat([*TALK, *silent]).answers == (2, 4)
    assert Chat([TALK[0], {"role": "assistant", "tool_calls": [CALL]}]).answers == (1,)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([TALK[0]], "no message of role assistant"),
        ([TALK[1], {"role": "assistant", "content": ""}], "no assistant turn to learn"),
        ([TALK[1], {"role": "assistant", "content": "x", "weight": 0}], "no assistant turn to learn"),
        ([{"content": "x"}], r"`messages\[0\].role`"),
        ([{"role": ["user"]}], r"`messages\[0\].role`"),
        (["x"], r"`messages\[0\]` must be an object"),
        ([{"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}], "has no name"),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": " "}}]}], "has no name"),
        ([{"role": "assistant", "tool_calls": {"name": "f"}}], "must be a list"),
        ([{"role": "assistant", "content": "a", "function_call": {"arguments": "{}"}}], "has no name"),
        ([{"role": "assistant", "content": "a", "score": float("nan")}], "not JSON compliant"),
        ([{"role": "assistant", "content": "half \ud800"}], "not Unicode"),
        ([{"role": "user", "content": "half \ud800"}, {"role": "assistant", "content": "a"}], "not Unicode"),
    ],
)
def test_what_is_no_conversation_is_refused(messages: list[Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Chat(messages)


def test_a_picture_stands_as_its_kind_size_and_hash() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}
    chat = Chat([{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}, TALK[4]])
    assert chat.context.startswith("user: What is it?\n[image_url, 9") and len(chat.context) < 80
    assert "A" * 9000 in chat.to_json()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=6), values, max_size=4), st.lists(values, max_size=2))
def test_reading_back_gives_the_same_conversation_in_the_same_order(extra: dict[str, Any], tools: list[Any]) -> None:
    call = {"function": {"name": "f", "arguments": {"z": 1, "a": [None]}}}
    messages = [{"role": "user", "content": "q"}, {"role": "assistant", "z": 1, "content": "a", "tool_calls": [call]}]
    chat = Chat(messages, tools, extra=extra)
    back = Chat.from_json(chat.to_json())
    assert json.dumps([back.messages, back.tools, back.extra]) == json.dumps([messages, tools, extra])
    assert back.to_json() == chat.to_json()
    bad = Chat(messages, prompt_length=1, label=False, rejected=messages[1:])
    again = Chat.from_json(bad.to_json())
    assert (again.label, again.prompt_length, list(again.rejected)) == (False, 1, messages[1:])


def test_plain_candidates_keep_their_ids_and_chats_have_their_own() -> None:
    # Computed by the first version of this record: ids are names that stay.
    plain = Candidate("Check the seat map first.", "booking", "12", trajectory_id="r", sample_index=3, occurrence=1)
    assert plain.id == "63a63f5b5dff699b9f6eb6ec"
    one = Candidate.of_chat(Chat(TALK))
    other = Candidate.of_chat(Chat([*TALK[:4], TALK[4] | {"weight": 1}, TALK[5]]))
    assert (one.content, one.context) == (other.content, other.context)
    assert one.id != other.id != Candidate(one.content, one.context).id


def decisions(folder: Path, schema: pl.Schema) -> Table:
    return Table(folder / "decisions", schema, "round")


@pytest.mark.parametrize("name", ["plain", "with a space"])
def test_a_table_from_before_the_column_is_read_and_gets_it_with_its_next_commit(tmp_path: Path, name: str) -> None:
    from synthdata.corpus.rows import decision_frame, to_candidate

    before = pl.Schema({column: kind for column, kind in DECISIONS.items() if column != "chat"})
    rest = ("round", "round_key", "kind", "recipe", "anchor", "parent_version")
    stamp = [pl.lit(None, dtype=DECISIONS[column]).alias(column) for column in rest]
    old, young = decisions(tmp_path / name, before), decisions(tmp_path / name, DECISIONS)
    old.create()
    rows = [Candidate("one", "c"), Candidate.of_chat(Chat(TALK))]
    first, second = (decision_frame([Decision(row, Verdict.REJECT)], {}).with_columns(stamp) for row in rows)
    old.append(first, {})
    assert to_candidate(young.read().row(0, named=True)) == rows[0]
    young.append(second, {})
    found = {to_candidate(row) for row in young.read().iter_rows(named=True)}
    assert found == set(rows)
    young.compact()
    assert {to_candidate(row) for row in young.read().iter_rows(named=True)} == set(rows)
    assert set(young.read(["chat"])["chat"].to_list()) == {None, rows[1].chat}


def test_a_corpus_keeps_conversations_of_candidates_and_reference(tmp_path: Path) -> None:
    settings = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    texts = lessons(140, 5)

    def talk(text: str) -> Chat:
        return Chat([*TALK[:4], {"role": "assistant", "content": text}, TALK[5]], [{"name": "look"}])

    rows = [
        ReferenceRow(c.content, c.context, f"t{i}", chat=c.chat)
        for i, c in enumerate(Candidate.of_chat(talk(text)) for text in texts[:120])
    ]
    for views in ("one", "two"):
        corpus = Corpus.init(tmp_path / views, rows, settings=settings, views=views)
        kept = {row.content: row.chat for row in corpus.reference.rows}
        assert kept and all(Chat.from_json(chat).messages[-2]["content"] == text for text, chat in kept.items())
    given = [Candidate.of_chat(talk(text)) for text in texts[120:]]
    report = corpus.admit(given)
    assert {decision.candidate for decision in report.decisions} == set(given)
    stored = corpus.store.decisions(["id", "chat", "content"])
    assert dict(stored.select("id", "chat").iter_rows()) == {c.id: c.chat for c in given}
    assert not verify(corpus.store)
