"""ShareGPT, nanochat and the config stubs by their readers' documented rules."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from export_corpus import game_corpus
from hypothesis import given
from hypothesis import strategies as st

from synthdata.export.build import export
from synthdata.export.conversation import Message, message_text
from synthdata.export.dialects import nanochat, sharegpt
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
        roles = [message["role"] for message in row["messages"]]
        assert roles in (["user", "assistant"], ["system", "user", "assistant"])
        assert all(set(m) == {"role", "content"} and isinstance(m["content"], str) for m in row["messages"])


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@st.composite
def histories(draw: st.DrawFn) -> list[Message]:
    made: list[Message] = [{"role": "system", "content": draw(texts)}] if draw(st.booleans()) else []
    for role in draw(st.lists(st.sampled_from(["user", "assistant", "call", "tool"]), min_size=1, max_size=8)):
        message: Message = {"role": "assistant" if role == "call" else role, "content": draw(texts)}
        if role == "call":
            function = {"name": "f", "arguments": {"x": draw(texts)}}
            message["tool_calls"] = [{"id": "1", "type": "function", "function": function}] * draw(st.integers(1, 2))
        made.append(message)
    return made


@given(histories(), st.booleans())
def test_any_history_becomes_turns_that_alternate_and_lose_nothing(history: list[Message], fold: bool) -> None:
    row = sharegpt(history, {"role": "assistant", "content": "end"}, "", fold=fold)
    assert alternates(row["conversations"]) and len(row["conversations"]) % 2 == 0
    told = row["system"] + "".join(turn["value"] for turn in row["conversations"])
    for message in history:
        assert message["content"] in told or json.dumps(message["content"], ensure_ascii=False)[1:-1] in told
        for call in message.get("tool_calls", ()):
            assert json.dumps(call["function"]["arguments"], ensure_ascii=False) in told
    if fold:
        assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt"]
    plain = nanochat(history, {"role": "assistant", "content": "end"})["messages"]
    assert all(message_text(message) in plain[-2]["content"] for message in history if message["role"] != "system")


def test_stubs_name_files_that_are_there_and_kinds_that_have_rows(out: Path) -> None:
    import yaml

    for path in [
        *sorted(out.glob("axolotl/*.yaml")),
        *sorted(out.glob("trl/*.yaml")),
        *sorted(out.glob("llamafactory/*.yaml")),
    ]:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        for data in values.get("datasets", ()):
            assert (out / data["path"]).is_file()
        if "dataset_config" in values:
            assert (out / values["dataset_config"]).is_dir()
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
