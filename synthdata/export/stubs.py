"""Config files that make trainers read the export as it is; the model's name is the one thing left to fill in.

Written for TRL 1.x, Axolotl 0.19 and LLaMA-Factory 0.9; tests start these trainers with them. Paths are relative to
the export: start the trainer inside it. They read Parquet where they can: the JSON reader of `datasets` takes the
columns from the first 10 MB of a file, and rounds numbers to ten digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from synthdata.export.pictures import SEEN

MODEL = "MODEL_NAME_OR_FOLDER"
# Tokens at which every config cuts a row; TRL's own 1,024 would cut off most completions of agents.
MAX_LENGTH = 8192
_TRL = {"sft": "sft", "lesson": "sft", "preference": "dpo", "kto": "kto"}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "observation_tag": "observation",
    "function_tag": "function_call",
    "system_tag": "system",
}
_AXOLOTL_NOTES = {
    "preference": "# Its DPO reader takes a message's content alone: rows that choose among tool calls are for TRL.\n"
}

Splits = Mapping[str, Mapping[str, int]]


def stubs(splits: Splits, pictures: bool = False) -> dict[str, str]:
    """Texts by path for the kinds that have rows; `splits` holds rows by kind and split.

    With `pictures` for models with eyes: none for Axolotl, whose own form of pictures is another.
    """
    made = {f"trl/{kind}.yaml": _trl(kind, pictures) for kind in _TRL if "train" in splits.get(kind, {})}
    made |= {} if pictures else {f"axolotl/{kind}.yaml": text for kind, text in _axolotl(splits).items()}
    info = _dataset_info(splits, pictures)
    if info:
        made["llamafactory/dataset_info.json"] = json.dumps(info, indent=2) + "\n"
    for kind, stage in (("sft", "sft"), ("preference", "dpo"), ("kto", "kto")):
        if f"synthdata_{kind}" in info:
            made[f"llamafactory/{kind}.yaml"] = _llamafactory(kind, stage, pictures)
    return made


def trl_command(kind: str) -> str:
    """The subcommand of `trl` that reads the stub of a kind."""
    return _TRL[kind]


def _trl(kind: str, pictures: bool) -> str:
    values: dict[str, Any] = {
        "model_name_or_path": MODEL,
        "datasets": [{"path": "parquet", "data_files": f"{kind}/train-*.parquet"}],
        "output_dir": f"trained-{kind}",
        # The completion stands at the end, so a row that is cut trains on nothing.
        # A picture that is cut in the middle stops the trainer.
        "max_length": None if pictures and kind in SEEN else MAX_LENGTH,
    }
    if _TRL[kind] == "sft":
        values["completion_only_loss"] = True
    return f"# trl {_TRL[kind]} --config trl/{kind}.yaml\n{_yaml(values)}"


def _axolotl(splits: Splits) -> dict[str, str]:
    # Axolotl's own required fields; sizes to change at will.
    common = {"base_model": MODEL, "sequence_len": MAX_LENGTH, "micro_batch_size": 1, "gradient_accumulation_steps": 8}
    common |= {"num_epochs": 1, "learning_rate": 1e-5}
    return {
        kind: f"# axolotl train axolotl/{kind}.yaml\n{_AXOLOTL_NOTES.get(kind, '')}{_yaml(common | values)}"
        for kind, values in _axolotl_data(splits).items()
    }


def _axolotl_data(splits: Splits) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    if "train" in splits.get("messages", {}):
        data = {
            "path": "messages",
            "data_files": "messages/train-*.parquet",
            "ds_type": "parquet",
            "split": "train",
            "type": "chat_template",
            "field_messages": "messages",
            "message_property_mappings": {"role": "role", "content": "content"},
            # Weight 0 masks a turn: bad steps, histories of better ones, turns that came so. Without one it is trained.
            "message_field_training": "weight",
            "roles_to_train": ["assistant"],
        }
        made["sft"] = {"datasets": [data], "output_dir": "trained-sft"}
    if "train" in splits.get("preference", {}):
        # Without `ds_type`: with it, its schema takes the entry for an SFT set and drops the two fields.
        data = {
            "path": "jsonl/preference.train.jsonl",
            "split": "train",
            "type": "chat_template.default",
            "field_messages": "prompt",
            "field_chosen": "chosen",
            "field_rejected": "rejected",
        }
        made["preference"] = {"rl": "dpo", "datasets": [data], "output_dir": "trained-preference"}
    if "train" in splits.get("stepwise", {}):
        data = {
            "path": "jsonl/stepwise.train.jsonl",
            "ds_type": "json",
            "split": "train",
            "type": "stepwise_supervised",
        }
        head = {"model_type": "AutoModelForTokenClassification", "num_labels": 2, "process_reward_model": True}
        made["stepwise"] = head | {"datasets": [data], "output_dir": "trained-stepwise"}
    return made


def _dataset_info(splits: Splits, pictures: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    columns: dict[str, dict[str, str]] = {
        "sft": {},
        "preference": {"chosen": "chosen", "rejected": "rejected"},
        "kto": {"kto_tag": "kto_tag"},
    }
    for kind, own in columns.items():
        own |= {"images": "images"} if pictures else {}
        for split in splits.get(kind, {}):
            name = f"synthdata_{kind}" if split == "train" else f"synthdata_{kind}_{split}"
            made[name] = {
                "file_name": f"{kind}.{split}.jsonl",
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "system": "system", "tools": "tools", **own},
                "tags": _TAGS,
            }
            if kind == "preference":
                made[name]["ranking"] = True
    return made


def _llamafactory(kind: str, stage: str, pictures: bool) -> str:
    values: dict[str, Any] = {
        "model_name_or_path": MODEL,
        "stage": stage,
        "do_train": True,
        "finetuning_type": "lora",
        "dataset_dir": "llamafactory",
        "dataset": f"synthdata_{kind}",
        # Names of pictures are relative to the export.
        **({"media_dir": "."} if pictures else {}),
        "cutoff_len": MAX_LENGTH,
        "output_dir": f"trained-{kind}",
    }
    if stage == "sft":
        values["mask_history"] = True
    return f"# llamafactory-cli train llamafactory/{kind}.yaml\n{_yaml(values)}"


def _yaml(value: Mapping[str, Any]) -> str:
    """Block style with JSON for the leaves: every YAML reader takes it, and no YAML library is needed to write it."""
    lines: list[str] = []
    for key, item in value.items():
        if isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(f"{key}:")
            for element in item:
                inner = _yaml(element).splitlines()
                lines += [f"  - {inner[0]}", *(f"    {line}" for line in inner[1:])]
        elif isinstance(item, dict):
            lines += [f"{key}:", *(f"  {line}" for line in _yaml(item).splitlines())]
        else:
            # JSON's 1e-05 is a text to some YAML readers.
            lines.append(f"{key}: {item:f}" if isinstance(item, float) else f"{key}: {json.dumps(item)}")
    return "\n".join(lines) + "\n"
