"""Every kind of row goes through its real consumer: TRL's trainers take steps on a tiny model made from a config."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import chat_corpus, ordinary_runs, pairs_and_labels
from export_corpus import game_corpus

from synthdata.export.build import export
from synthdata.records import Chat

# torch and datasets leave files and threads to the garbage collector, and TRL warns of its own next version.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for c in m.tool_calls or [] %}"
    "<call>{{ c.function.name }} {{ c.function.arguments }}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainers")
    export(game_corpus(folder / "c"), folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def tokenizer(out: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = bytes_, decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=bytes_.alphabet())
    lines = (out / "jsonl" / "sft.train.jsonl").read_text(encoding="utf-8").splitlines()[:40]
    made.train_from_iterator([json.dumps(json.loads(line)) for line in lines], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>", chat_template=TEMPLATE
    )


def rows(out: Path, kind: str, folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from datasets import load_dataset

        return load_dataset(str(out), kind, split="train", cache_dir=str(folder / "hf"))


def model(tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=4096, **sizes, **ends))


def arguments(folder: Path) -> dict[str, Any]:
    quiet = {"report_to": "none", "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1}
    small = {"max_steps": 3, "per_device_train_batch_size": 2, "max_length": 2048, "learning_rate": 1e-3}
    return {"output_dir": str(folder / "trained"), "use_cpu": True, "bf16": False, **quiet, **small}


def losses(trainer: Any) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize("kind", ["sft", "lesson"])
def test_sft_trains_on_the_completion_alone(out: Path, tokenizer: Any, tmp_path: Path, kind: str) -> None:
    from trl import SFTConfig, SFTTrainer

    data = rows(out, kind, tmp_path)
    settings = SFTConfig(completion_only_loss=True, dataloader_pin_memory=False, **arguments(tmp_path))
    trainer = SFTTrainer(model(tokenizer), args=settings, train_dataset=data, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    expected = {row["completion"][0]["content"] for row in data}
    for tokens, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        trained = tokenizer.decode(tokens[labels != -100], skip_special_tokens=True).strip()
        assert trained.removeprefix("assistant").strip() in expected
    found = losses(trainer)
    assert len(found) == 3 and all(0 < loss < 20 for loss in found)


def test_dpo_takes_steps_with_a_lora_adapter(out: Path, tokenizer: Any, tmp_path: Path) -> None:
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    settings = DPOConfig(dataloader_pin_memory=False, **arguments(tmp_path))
    trainer = DPOTrainer(
        model(tokenizer),
        args=settings,
        train_dataset=rows(out, "preference", tmp_path),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    found = losses(trainer)
    # Before the first step policy and reference agree: the loss is log 2.
    assert found[0] == pytest.approx(0.693, abs=0.01) and len(found) == 3


def test_kto_takes_steps_on_both_labels(out: Path, tokenizer: Any, tmp_path: Path) -> None:
    from peft import LoraConfig
    from trl import KTOConfig, KTOTrainer

    data = rows(out, "kto", tmp_path)
    assert set(data["label"]) == {True, False}
    trainer = KTOTrainer(
        model(tokenizer),
        args=KTOConfig(dataloader_pin_memory=False, **arguments(tmp_path)),
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"),
    )
    found = losses(trainer)
    assert found[0] == pytest.approx(0.5, abs=0.01) and len(found) == 3


def test_self_distillation_takes_a_step(out: Path, tokenizer: Any, tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM
    from trl.experimental.sdft import SDFTConfig, SDFTTrainer

    # The teacher is loaded from where the student came from.
    model(tokenizer).save_pretrained(tmp_path / "model")
    given = arguments(tmp_path) | {"max_steps": 1}
    del given["max_length"]
    trainer = SDFTTrainer(
        LlamaForCausalLM.from_pretrained(tmp_path / "model"),
        args=SDFTConfig(max_completion_length=8, num_generations=2, dataloader_pin_memory=False, **given),
        train_dataset=rows(out, "self_distillation", tmp_path),
        processing_class=tokenizer,
    )
    # The same weights, with and without the lesson in front of them: they differ, if only a little.
    (loss,) = losses(trainer)
    assert 0 < loss < 1


def commands(name: str) -> list[list[str]]:
    """The commands of docs/export.md that start with a name, word by word."""
    text = (Path(__file__).parent.parent / "docs" / "export.md").read_text(encoding="utf-8")
    found = [line.split() for block in text.split("```")[1::2] for line in block.splitlines() if line.startswith(name)]
    assert found
    return found


# What makes a documented command small and quiet: no row, column or file of the export is named here.
SMALL = (
    "--max_steps 3 --per_device_train_batch_size 2 --use_cpu true --bf16 false --report_to none --disable_tqdm true "
    "--logging_steps 1 --save_strategy no"
).split()


@pytest.fixture(scope="module")
def talks(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of chats with tools, of pairs and of labels; the model beside it is tiny and reads tools."""
    folder = tmp_path_factory.mktemp("talks")
    chats = [Chat(run["messages"], run["tools"]) for run in ordinary_runs(shared_data, folder)[:40]]
    export(chat_corpus(folder / "c", chats + pairs_and_labels()), folder / "out")
    return folder / "out"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["games", pytest.param("talks", marks=pytest.mark.long)])
def test_the_documented_commands_train(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """`trl sft|dpo|kto --config` from inside the export, as docs/export.md says, in a process of its own."""
    folder: Path = request.getfixturevalue("out" if place == "games" else place)
    made = request.getfixturevalue("tokenizer")
    made.save_pretrained(tmp_path / "model")
    model(made).save_pretrained(tmp_path / "model")
    started = []
    quiet = {"OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(tmp_path / "hf")}
    for command in commands("trl "):
        config = command[command.index("--config") + 1]
        if not (folder / config).is_file():
            continue
        given = [str(tmp_path / "model") if word == "MODEL" else word for word in command[1:]]
        trl = str(Path(sys.executable).with_name("trl"))
        words = [trl, *given, *SMALL, "--output_dir", str(tmp_path / "trained")]
        done = subprocess.run(words, cwd=folder, env=os.environ | quiet, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "Training completed" in done.stdout and "'loss'" in done.stdout, done.stdout[-2000:]
        started.append(config)
    expected = {"games": ["sft", "preference", "kto", "lesson"], "talks": ["sft", "preference", "kto"]}[place]
    assert started == [f"trl/{kind}.yaml" for kind in expected]


@pytest.mark.timeout(900)
def test_llamafactory_reads_every_set_and_formats_every_turn(talks: Path, tmp_path: Path) -> None:
    """Its own loader, converter and formatters, in an environment of their own: docs/export.md says how."""
    python = os.environ.get("LLAMAFACTORY_PYTHON")
    if not python:
        pytest.skip("set LLAMAFACTORY_PYTHON to an interpreter that has llamafactory 0.9.5: see docs/export.md")
    script = Path(__file__).parent / "llamafactory_reader.py"
    cache = {"HF_DATASETS_CACHE": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | cache
    done = subprocess.run([python, str(script)], cwd=talks, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    written = {
        path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in talks.glob("llamafactory/*.jsonl")
    }
    names = {f"synthdata_{name.removesuffix('.train').replace('.', '_')}": rows for name, rows in written.items()}
    assert found["rows"] == names and found["turns"]["function"] >= 40
    # LFM2's templates know no mark that both they and all others read: docs/export.md says so.
    assert {key.split(":")[0] for key in found["raised"]} <= {"lfm2", "lfm2_vl"} and not found["lost"]


def test_sft_trains_on_tool_calls_of_real_runs(shared_data: Path, tokenizer: Any, tmp_path: Path) -> None:
    from dataclasses import replace

    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    from synthdata.export.containers import ParquetShards, fields_of
    from synthdata.export.kinds import RunLabels, run_rows
    from synthdata.records import Origin, Trajectory
    from synthdata.sources import read_trajectories

    path = shared_data / "traj-tau-bench-airline" / "gpt-4o-airline.json.gz"
    read = (run for run in read_trajectories(path, origin=Origin.REAL) if isinstance(run, Trajectory) and run.success)
    tools = json.dumps([{"type": "function", "function": {"name": "get_user_details", "parameters": {}}}])
    made = []
    for run, _ in zip(read, range(8), strict=False):
        calls = [step.idx for step in run.agent_steps if step.tool_calls][:1]
        made += run_rows(replace(run, tools=tools), RunLabels(), calls)["sft"]
    shards = ParquetShards(tmp_path / "sft", "train", "sft", {name for row in made for name in fields_of(row)})
    for row in made:
        shards.add(row)
    (name,) = shards.close()
    data = load_dataset("parquet", data_files=str(tmp_path / name), split="train", cache_dir=str(tmp_path / "hf"))
    settings = SFTConfig(completion_only_loss=True, **arguments(tmp_path) | {"max_length": None, "max_steps": 1})
    trainer = SFTTrainer(model(tokenizer), args=settings, train_dataset=data, processing_class=tokenizer)
    row = trainer.train_dataset[0]
    trained = tokenizer.decode([label for label in row["labels"] if label != -100])
    expected = made[0]["completion"][0]["tool_calls"][0]["function"]
    # The template prints what it gets: an object, which no text in quotes is.
    assert isinstance(expected["arguments"], dict)
    assert f"<call>{expected['name']} {expected['arguments']}" in trained
