"""Run by an interpreter that has LLaMA-Factory: read every data set of an export by its own loader and formatters.

Prints one JSON object: rows by data set, turns formatted, and what raised, by template. Usage: EXPORT_FOLDER, with the
folder as working directory.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

os.environ["DISABLE_VERSION_CHECK"] = "1"


def main() -> None:
    import yaml
    from llamafactory.data.loader import _load_single_dataset
    from llamafactory.data.parser import get_dataset_list
    from llamafactory.data.template import TEMPLATES
    from llamafactory.hparams import DataArguments, ModelArguments

    folder = Path("llamafactory")
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    configs = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")}
    rows: dict[str, int] = {}
    raised: Counter[str] = Counter()
    turns: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    lost = 0
    for name in info:
        config = next(iter(configs.values()))
        data = DataArguments(dataset=name, dataset_dir=config["dataset_dir"], media_dir=config.get("media_dir"))
        (attributes,) = get_dataset_list([name], data.dataset_dir)
        training = type("Training", (), {"local_process_index": 0})()
        aligned = _load_single_dataset(attributes, ModelArguments(model_name_or_path="none"), data, training)
        rows[name] = sum(bool(row["_prompt"]) and bool(row["_response"]) for row in aligned)
        for row in aligned:
            pictures[name] += sum(Path(image).is_file() for image in row["_images"] or ())
            for turn in (*row["_prompt"], *row["_response"]):
                turns[turn["role"]] += 1
                for label, template in TEMPLATES.items():
                    try:
                        text = applied(template, turn)
                    except Exception as error:
                        raised[f"{label}: {type(error).__name__}"] += 1
                        continue
                    lost += turn["role"] == "function" and words_of(turn["content"]) not in text
            if row["_tools"]:
                for label, template in TEMPLATES.items():
                    try:
                        template.format_tools.apply(content=row["_tools"])
                    except Exception as error:
                        raised[f"tools {label}: {type(error).__name__}"] += 1
    sys.stdout.write(
        json.dumps(
            {"rows": rows, "turns": turns, "raised": raised, "lost": lost, "configs": configs, "pictures": pictures}
        )
    )


def applied(template: Any, turn: dict[str, str]) -> str:
    """What a template makes of a turn."""
    maker = {
        "user": template.format_user, "assistant": template.format_assistant,
        "observation": template.format_observation, "function": template.format_function,
    }[turn["role"]]  # fmt: skip
    more = {"idx": "0"} if turn["role"] == "user" else {}
    if turn["role"] == "function":
        more = {"thought_words": template.thought_words, "tool_call_words": template.tool_call_words}
    return "".join(slot for slot in maker.apply(content=turn["content"], **more) if isinstance(slot, str))


def words_of(content: str) -> str:
    """The words before a call."""
    return content.partition("<tool_call>")[0].strip() if "<tool_call>" in content else ""


main()
