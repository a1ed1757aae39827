"""ShareGPT, nanochat and the config stubs by their readers' documented rules."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from export_corpus import game_corpus
from hypothesis import given
from hypothesis import strategies as st

from synthdata.export.build import export
from synthdata.export.conversation import Message
from synthdata.export.dialects import (
    NEXT_ANSWER,
    DialectError,
    nanochat,
    openai,
    sharegpt,
    sharegpt_kto,
    sharegpt_preference,
)
from synthdata.export.kinds import AS_CAME
from synthdata.export.stubs import stubs

ODD, EVEN = {"human", "observation"}, {"gpt", "function_call"}
# Keys that LLaMA-Factory's data/README.md documents; an unknown one is ignored there, and so would be a mistake.
ENTRY_KEYS = {
    "hf_hub_url", "ms_hub_url", "script_url", "cloud_file_name", "file_name", "formatting", "ranking", "subset",
    "split", "folder", "num_samples", "columns", "tags",
}  # fmt: skip
COLUMN_KEYS = {
    "prompt", "query", "response", "history", "messages", "system", "tools", "images", "videos", "audios", "chosen",
    "rejected", "kto_tag",
}  # fmt: skip
TAG_KEYS = {"role_tag", "content_tag", "user_tag", "assistant_tag", "observation_tag", "function_tag", "system_tag"}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dialects")
    export(game_corpus(folder / "c", 40), folder / "out")
    return folder / "out"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_llamafactory_files_follow_its_schema(out: Path) -> None:
    info = json.loads((out / "llamafactory" / "dataset_info.json").read_text(encoding="utf-8"))
    assert {"synthdata_sft", "synthdata_preference", "synthdata_kto"} <= set(info)
    for name, entry in info.items():
        assert set(entry) <= ENTRY_KEYS and set(entry["columns"]) <= COLUMN_KEYS and set(entry["tags"]) <= TAG_KEYS
        rows = lines(out / "llamafactory" / entry["file_name"])
        assert rows and entry["formatting"] == "sharegpt"
        for row in rows:
            # Its reader takes every column that is named from every row.
            assert set(entry["columns"].values()) <= set(row)
            turns = row["conversations"]
            assert alternates(turns) and all(isinstance(row[key], str) for key in ("system", "tools"))
            ranking = entry.get("ranking", False)
            assert len(turns) % 2 == (1 if ranking else 0)
            if ranking:
                assert row["chosen"]["from"] in EVEN and row["rejected"]["from"] in EVEN
            if "kto" in name:
                assert isinstance(row["kto_tag"], bool)


def alternates(turns: Sequence[dict[str, str]]) -> bool:
    return all(turn["from"] in (EVEN if i % 2 else ODD) for i, turn in enumerate(turns))


def test_nanochat_alternates_plain_text(out: Path) -> None:
    for row in lines(out / "nanochat" / "train.jsonl"):
        roles = [message["role"] for message in row["messages"] if message["role"] != "system"]
        assert roles == ["assistant" if i % 2 else "user" for i in range(len(roles))] and len(roles) % 2 == 0
        assert all(set(m) == {"role", "content"} and isinstance(m["content"], str) for m in row["messages"])


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
calls = st.builds(
    lambda name, value: {"id": "c", "type": "function", "function": {"name": name, "arguments": {"x": value}}},
    st.sampled_from(["look", "count"]),
    texts
    | st.sampled_from(["</tool_call>", "<think>\n", "\n</think>\n\n", "◁think▷", '"}'])
    | st.lists(st.integers(-5, 5) | st.none(), max_size=2),
)


@st.composite
def alternating(draw: st.DrawFn) -> list[Message]:
    """A conversation as LLaMA-Factory knows them: after a call come its answers, after words a user."""
    made: list[Message] = [{"role": "system", "content": draw(texts)}] if draw(st.booleans()) else []
    made.append({"role": "user", "content": draw(texts)})
    for _ in range(draw(st.integers(1, 4))):
        called = draw(st.lists(calls, max_size=2))
        turn: Message = {"role": "assistant", "content": draw(texts)}
        made.append(turn | ({"tool_calls": called} if called else {}))
        answers: list[Message] = [{"role": "tool", "content": draw(texts)} for _ in called]
        made += answers or [{"role": "user", "content": draw(texts)}]
    return made[:-1] if made[-1]["role"] == "user" else [*made, {"role": "assistant", "content": "end"}]


def from_sharegpt(row: dict[str, Any]) -> list[Message]:
    """The messages that a ShareGPT row says, by the rules of LLaMA-Factory's own reader."""
    made: list[Message] = [{"role": "system", "content": row["system"]}] if row["system"] else []
    for turn in row["conversations"]:
        value = turn["value"]
        if turn["from"] == "observation":
            made += [{"role": "tool", "content": one} for one in value.split(NEXT_ANSWER)]
        elif turn["from"] == "function_call":
            found = re.search("<tool_call>(.*?)</tool_call>", value, re.DOTALL)
            words = value.replace(found[0], "").removesuffix("\n") if found else ""
            listed = json.loads(found[1] if found else value)
            named = listed if isinstance(listed, list) else [listed]
            made.append({"role": "assistant", "content": words, "tool_calls": [{"function": one} for one in named]})
        else:
            made.append({"role": "user" if turn["from"] == "human" else "assistant", "content": value})
    return made


def plain(messages: Sequence[Message]) -> list[Message]:
    """Roles, words, names and arguments: what ShareGPT has a place for. Blank words before a call are none."""
    made = []
    for message in messages:
        functions = [
            {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
            for call in message.get("tool_calls", ())
        ]
        words = message["content"] if not functions or message["content"].strip() else ""
        made.append({"role": message["role"], "content": words} | ({"calls": functions} if functions else {}))
    return [message for message in made if message != {"role": "system", "content": ""}]


@given(alternating())
def test_sharegpt_says_what_the_conversation_says(messages: list[Message]) -> None:
    row = sharegpt(messages[:-1], messages[-1])
    assert alternates(row["conversations"]) and len(row["conversations"]) % 2 == 0
    assert plain(from_sharegpt(row)) == plain(messages)


@given(alternating(), st.lists(texts, min_size=12, max_size=12))
def test_sharegpt_keeps_who_speaks(messages: list[Message], drawn: list[str]) -> None:
    named = [
        message | {"name": name} if message["role"] in ("user", "assistant") else message
        for message, name in zip(messages, drawn * 2, strict=False)
    ]
    row, bare = sharegpt(named[:-1], named[-1]), sharegpt(messages[:-1], messages[-1])
    told = [turn.get("name", "") for turn in named if turn["role"] != "system"]
    # Answers to calls of one turn are one turn there, and nobody's.
    joined = [
        name for i, name in enumerate(told) if i == 0 or not is_answer_again(messages, len(messages) - len(told), i)
    ]
    assert row["conversations"] == bare["conversations"] and bare["names"] == ""
    assert (json.loads(row["names"]) if row["names"] else [""] * len(joined)) == joined


def is_answer_again(messages: list[Message], offset: int, i: int) -> bool:
    return messages[offset + i]["role"] == messages[offset + i - 1]["role"] == "tool"


def test_sharegpt_pairs_keep_who_answers() -> None:
    asked = [{"role": "user", "content": "q", "name": "Ada"}]
    answers = ({"role": "assistant", "content": text, "name": "mate"} for text in ("a", "b"))
    good, bad = ([answer] for answer in answers)
    row = sharegpt_preference({"prompt": asked, "chosen": good, "rejected": bad})
    assert row["names"] == '["Ada", "mate", "mate"]' and row["chosen"] == {"from": "gpt", "value": "a"}
    assert sharegpt_kto({"prompt": asked, "completion": good, "label": True})["names"] == '["Ada", "mate"]'


USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
CALLED = {"role": "assistant", "content": "w", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ([USER, USER], "do not take turns"),
        ([], "do not take turns"),
        ([ANSWER, USER], "do not take turns"),
        ([USER, ANSWER], "do not take turns"),
        ([USER, CALLED, {"role": "tool", "content": "r"}, USER], "do not take turns"),
        ([USER, ANSWER, {"role": "system", "content": "s"}, USER], "role system"),
        ([{"role": "system", "content": "s", "name": "n"}, USER], "a system turn with a name"),
        ([USER, CALLED | {"content": "the <tool_call> mark"}, {"role": "tool", "content": "r"}], "the mark of a call"),
        ([USER, CALLED, {"role": "tool", "content": f"a{NEXT_ANSWER}b"}], "the mark between two answers"),
    ],
)
def test_what_sharegpt_cannot_hold_is_refused(prompt: list[Message], reason: str) -> None:
    with pytest.raises(DialectError, match=reason):
        sharegpt(prompt, ANSWER)


@given(st.lists(texts, min_size=1, max_size=6), st.booleans())
def test_nanochat_holds_the_turns_as_they_are(told: list[str], system: bool) -> None:
    pairs = [({"role": "user", "content": text}, {"role": "assistant", "content": f"a{text}"}) for text in told]
    turns = [turn for pair in pairs for turn in pair]
    turns = [{"role": "system", "content": "s"}, *turns] if system else turns
    assert nanochat({"messages": turns}) == {"messages": turns}


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([USER, ANSWER | {"weight": 0}, USER, ANSWER], "weight 0"),
        ([USER, ANSWER | {"content": ""}], "weight 0"),
        ([USER, CALLED], "`tool_calls`"),
        ([USER, ANSWER | {"reasoning_content": "t"}], "`reasoning_content`"),
        ([USER | {"name": "n"}, ANSWER], "`name`"),
        ([USER, USER, ANSWER], "do not take turns"),
        ([ANSWER, USER], "do not take turns"),
        ([USER, ANSWER, USER], "do not take turns"),
    ],
)
def test_what_nanochat_cannot_hold_is_refused(turns: list[Message], reason: str) -> None:
    with pytest.raises(DialectError, match=reason):
        nanochat({"messages": turns})


def test_openai_keeps_a_turn_as_it_came_with_arguments_as_text() -> None:
    came = [
        USER,
        {"role": "assistant", "content": None, "weight": 0, **{k: CALLED[k] for k in ("tool_calls",)}},
        {"role": "tool", "content": "42"},
        ANSWER,
    ]
    made = openai({"messages": came, AS_CAME: came, "tools": [{"type": "function"}]})
    call = made["messages"][1]["tool_calls"][0]["function"]
    assert call == {"name": "f", "arguments": "{}"} and made["tools"] == [{"type": "function"}]
    assert [turn.get("weight") for turn in made["messages"]] == [None, 0, None, None]
    assert made["messages"][1]["content"] is None
    assert made["messages"][2]["tool_call_id"] == made["messages"][1]["tool_calls"][0]["id"]
    for strange in ({"reasoning_content": "t"}, {"weight": 0.5}):
        with pytest.raises(DialectError):
            openai({"messages": [USER, ANSWER | strange]})


def test_stubs_name_files_that_are_there_and_kinds_that_have_rows(out: Path) -> None:
    import yaml

    for path in [
        *sorted(out.glob("axolotl/*.yaml")),
        *sorted(out.glob("trl/*.yaml")),
        *sorted(out.glob("llamafactory/*.yaml")),
    ]:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        for data in values.get("datasets", ()):
            assert list(out.glob(data.get("data_files", data["path"])))
    assert stubs({}) == {} and set(stubs({"kto": {"test": 3}})) == {"llamafactory/dataset_info.json"}
    learning = yaml.safe_load((out / "axolotl" / "sft.yaml").read_text(encoding="utf-8"))["learning_rate"]
    assert learning == 1e-5


def test_axolotl_stubs_by_its_own_schema(out: Path) -> None:
    """Not a dependency: docs/export.md says how to put its wheel on the path for this test."""
    schema = pytest.importorskip("axolotl.utils.schemas.config", reason="axolotl is not installed: see docs/export.md")
    import yaml

    made = {"axolotl/stepwise.yaml", "axolotl/preference.yaml", "axolotl/sft.yaml"}
    every = {path: text for path, text in stubs(EVERYTHING).items() if path in made}
    assert set(every) == made
    for path, text in {
        **every,
        **{str(path): path.read_text(encoding="utf-8") for path in out.glob("axolotl/*")},
    }.items():
        values = yaml.safe_load(text)
        read = schema.AxolotlInputConfig(**values).model_dump(mode="json", exclude_none=True)
        # It ignores what it does not know, so that a misspelt key passes: every one of ours must be in what it read.
        read["model_type"] = read.pop("type_of_model", None)
        assert not lost(values, read), path


EVERYTHING = {kind: {"train": 3, "validation": 1} for kind in ("sft", "messages", "preference", "kto", "stepwise")}


def lost(given: Any, read: Any, at: str = "") -> list[str]:
    """Paths of what was given and is not there, or is something else, in what was read."""
    if isinstance(given, dict):
        return [path for key in given for path in lost(given[key], read and read.get(key), f"{at}.{key}")]
    if isinstance(given, list):
        return [path for i, item in enumerate(given) for path in lost(item, read and read[i], f"{at}[{i}]")]
    return [] if given == read else [f"{at}: {given!r} became {read!r}"]
