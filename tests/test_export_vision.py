"""An export with pictures goes into TRL's trainers for models that see, as it is: first steps of a tiny LLaVA."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest
from chat_corpus import chat_corpus
from drawn import drawn
from sample_texts import lessons
from tiny_vision import tiny_vision

from synthdata.export.build import ExportRequest, export
from synthdata.pictures.store import PictureStore
from synthdata.records import Chat

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TEXTS = lessons(24, 5)


def chats(picture_store: PictureStore) -> list[Chat]:
    """With none, one and two pictures, a tool that shows one, and pairs of answers."""
    made = []
    for i, text in enumerate(TEXTS):
        shown = [picture_store.put(drawn(2 * i + k)).part() for k in range(2)]
        asked: dict[str, Any] = {"role": "user", "content": [*shown[: i % 3], {"type": "text", "text": f"Case {i}?"}]}
        answer = {"role": "assistant", "content": text}
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": {"n": i}}}
        seen = {"role": "tool", "tool_call_id": "c", "content": [shown[0]]}
        turns = (
            [asked, {"role": "assistant", "content": "", "tool_calls": [call]}, seen, answer]
            if i % 6 == 5
            else [asked, answer]
        )
        worse = [{"role": "assistant", "content": "No idea."}] if i % 4 == 1 else []
        made.append(
            Chat(turns, prompt_length=1 if worse and len(turns) == 2 else 0, rejected=worse if len(turns) == 2 else [])
        )
    return made


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vision")
    path = folder / "corpus"
    corpus = chat_corpus(path, chats(PictureStore(path / "blobs", path / "cache" / "pictures")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export(corpus, folder / "out", ExportRequest(reference=False, pictures=True))
    return folder / "out"


def rows(out: Path, kind: str) -> Any:
    from datasets import load_dataset

    return load_dataset(str(out), kind, split="train", cache_dir=str(out.parent / "cache"))


@pytest.mark.parametrize("kind", ["sft", "messages"])
def test_sft_takes_its_first_steps_and_the_loss_falls(out: Path, tmp_path: Path, kind: str) -> None:
    from trl import SFTConfig, SFTTrainer

    model, processor = tiny_vision(TEXTS)
    config = SFTConfig(
        output_dir=str(tmp_path), max_steps=6, per_device_train_batch_size=4, max_length=None, learning_rate=1e-2,
        report_to=[], logging_steps=1, use_cpu=True, save_strategy="no", bf16=False, gradient_checkpointing=False,
    )  # fmt: skip
    trainer = SFTTrainer(model, args=config, train_dataset=rows(out, kind), processing_class=processor)
    before = {name: value.clone() for name, value in model.named_parameters() if "vision_tower" in name}
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 6 and losses[-1] < losses[0]
    # The eyes learn too, so the pixels were seen.
    assert any(not value.equal(before[name]) for name, value in model.named_parameters() if name in before)


def test_dpo_takes_steps_on_pairs_with_pictures(out: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    model, processor = tiny_vision(TEXTS)
    config = DPOConfig(
        output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=2, max_length=None, learning_rate=1e-2,
        report_to=[], logging_steps=1, use_cpu=True, save_strategy="no", bf16=False, gradient_checkpointing=False,
    )  # fmt: skip
    pairs = rows(out, "preference")
    assert any(row["images"] for row in pairs)
    trainer = DPOTrainer(
        model, ref_model=tiny_vision(TEXTS)[0], args=config, train_dataset=pairs, processing_class=processor
    )
    trainer.train()
    assert trainer.state.global_step == 2


def test_llamafactory_finds_every_picture(out: Path) -> None:
    python = os.environ.get("LLAMAFACTORY_PYTHON")
    if not python:
        pytest.skip("set LLAMAFACTORY_PYTHON to an interpreter that has llamafactory 0.9.5: see docs/export.md")
    script = Path(__file__).parent / "llamafactory_reader.py"
    done = subprocess.run([python, str(script), str(out)], cwd=out, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    read = json.loads(done.stdout.splitlines()[-1])
    listed = [json.loads(line) for line in (out / "llamafactory" / "sft.train.jsonl").read_text().splitlines()]
    assert read["pictures"]["synthdata_sft"] == sum(len(row["images"]) for row in listed) > 0
