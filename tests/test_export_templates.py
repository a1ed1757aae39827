"""Every chat template that TRL ships says of an exported row what it says of the log: arguments are objects, once."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import ordinary_runs

from synthdata.export.chats import chat_rows
from synthdata.export.containers import ParquetShards, fields_of
from synthdata.records import Chat

# trl, torch and datasets leave files and warnings behind when they are imported.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def template_files() -> list[Path]:
    import importlib.util

    spec = importlib.util.find_spec("trl")
    assert spec is not None and spec.origin is not None
    return sorted((Path(spec.origin).parent / "chat_templates").glob("*.jinja"))


def told(template: Any, messages: list[dict[str, Any]], tools: list[Any]) -> str:
    """What a template makes of messages, or how it refuses them."""
    try:
        return str(template.render(messages=messages, tools=tools, bos_token="", eos_token="", pad_token=""))
    except Exception as error:
        return f"refused: {type(error).__name__} {error}"


def objects(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log's messages with each call's arguments as the object that their text is."""
    copied = json.loads(json.dumps(messages))
    for message in copied:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return list(copied)


@pytest.mark.timeout(900)
def test_arguments_come_out_as_objects_once_under_every_template(shared_data: Path, tmp_path: Path) -> None:
    from transformers.utils.chat_template_utils import _compile_jinja_template

    runs = ordinary_runs(shared_data, tmp_path)
    rows = [row for run in runs for row in chat_rows(Chat(run["messages"], run["tools"]))["messages"]]
    shards = ParquetShards(tmp_path / "messages", "train", "messages", {n for row in rows for n in fields_of(row)})
    for row in rows:
        shards.add(row)
    (name,) = shards.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import load_dataset

        cache = str(tmp_path / "hf")
        loaded = list(load_dataset("parquet", data_files=str(tmp_path / name), split="train", cache_dir=cache))
    assert len(loaded) == len(runs) == 160
    rendered, twice = set(), set()
    for path in template_files():
        template = _compile_jinja_template(path.read_text(encoding="utf-8"))
        for run, row in zip(runs, loaded, strict=True):
            expected = told(template, objects(run["messages"]), run["tools"])
            assert told(template, row["messages"], row["tools"]) == expected, path.stem
            if not expected.startswith("refused") and all(value in expected for value in arguments_of(run)):
                rendered.add(path.stem)
            if told(template, run["messages"], run["tools"]) != expected:
                twice.add(path.stem)
    # The commonest families render the calls; for most, arguments as text would have come out otherwise, or not at all.
    assert {"qwen2_5", "qwen3", "qwen3_5_think", "llama3_1", "gptoss", "glm4moe", "nemotron_3_nano"} <= rendered
    assert {"qwen2_5", "llama3_1", "gptoss", "qwen3_5_think", "glm4moe", "nemotron_3_nano"} <= twice


def arguments_of(run: dict[str, Any]) -> list[str]:
    called = [json.loads(call["function"]["arguments"]) for m in run["messages"] for call in m.get("tool_calls", ())]
    return [str(value) for one in called for value in one.values()]
