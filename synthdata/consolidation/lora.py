"""One LoRA adapter trained on chosen rows: by TRL's SFTTrainer on the completions, or its KTOTrainer on step credit.

The same rows, settings and number of threads give the same adapter on a CPU. A GPU is used where there is one.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from synthdata.consolidation.rows import TrainingRow
from synthdata.consolidation.truncated import truncated_trainer
from synthdata.errors import InputError
from synthdata.settings import TrainingSettings

# What the train extra brings: all of it is looked for before an exam of minutes is sat.
PACKAGES = ("trl", "peft", "datasets", "gguf")


def check_extra() -> None:
    """See that the train extra is installed, without importing it.

    Raises:
        InputError: a package of it is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(
            f"no package {', '.join(missing)} here: training needs the train extra: pip install 'synthdata-gate[train]'"
        )


@dataclass(frozen=True)
class Curve:
    """What training told: the loss of each optimiser step, the rows seen, and those too long or impossible to tell."""

    losses: tuple[float, ...]
    rows: int
    left_out: int


def adapt(
    network: Any,  # noqa: ANN401 - a network of transformers, or one with an adapter already
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[TrainingRow],
    settings: TrainingSettings,
    advance: Callable[[int], None],
) -> tuple[Any, Curve]:
    """The network with a trained adapter on it, and the loss curve; `advance` hears of each step.

    A network that carries an adapter already is trained on: its adapter continues.

    Raises:
        InputError: no row fits the model, or step credit has one label only.
    """
    import torch
    from peft import PeftModel

    fitting = [fitted for row in rows if (fitted := fit(row, tokenizer, settings.max_tokens)) is not None]
    if not fitting:
        raise InputError(f"none of {len(rows)} rows fits recipe.training.max_tokens = {settings.max_tokens}")
    torch.manual_seed(settings.seed)
    adapter = None if isinstance(network, PeftModel) else _adapter(settings)
    with tempfile.TemporaryDirectory(prefix="synthdata-train-") as folder, warnings.catch_warnings():
        # TRL warns of its own next version, PyTorch of what it would do with a GPU.
        warnings.simplefilter("ignore")
        trainer = _trainer(network, tokenizer, fitting, settings, adapter, folder)
        trainer.remove_callback(_printer())
        trainer.add_callback(_heard(advance))
        trainer.train()
    losses = tuple(float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry)
    return trainer.model, Curve(losses, len(fitting), len(rows) - len(fitting))


def fit(row: TrainingRow, tokenizer: Any, limit: int) -> dict[str, Any] | None:  # noqa: ANN401
    """The row as the trainer wants it, with at most `limit` tokens; None where it cannot be told."""
    prompt = recent(row.prompt, row.completion, tokenizer, limit)
    if prompt is None:
        return None
    made = {"prompt": prompt, "completion": list(row.completion)}
    return made if row.label is None else made | {"label": row.label}


def recent(
    prompt: Sequence[dict[str, Any]],
    completion: Sequence[dict[str, Any]],
    tokenizer: Any,  # noqa: ANN401
    limit: int,
) -> list[dict[str, Any]] | None:
    """The prompt without its oldest turns, so many that it has at most `limit` tokens with the completion.

    The first turn stays: it holds the task. None where even that is too long, or where the template has no word for the
    tool calls in it: it would drop them silently.
    """
    kept = list(prompt)
    if any(m.get("tool_calls") for m in (*kept, *completion)) and "tool_calls" not in (tokenizer.chat_template or ""):
        return None
    while _length([*kept, *completion], tokenizer) > limit:
        if len(kept) < 3:
            return None
        # A turn and its answer go together, so that voices still alternate.
        del kept[1:3]
    return kept


def _length(messages: Sequence[dict[str, Any]], tokenizer: Any) -> int:  # noqa: ANN401
    return len(tokenizer(tokenizer.apply_chat_template(list(messages), tokenize=False))["input_ids"])


def _adapter(settings: TrainingSettings) -> Any:  # noqa: ANN401
    from peft import LoraConfig

    return LoraConfig(
        r=settings.rank, lora_alpha=settings.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
    )  # fmt: skip


def _trainer(
    network: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    rows: Sequence[dict[str, Any]],
    settings: TrainingSettings,
    adapter: Any,  # noqa: ANN401
    folder: str,
) -> Any:  # noqa: ANN401
    import datasets
    import torch
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    datasets.disable_progress_bars()
    data = datasets.Dataset.from_list(list(rows))
    given = _trainer_arguments(settings, len(rows), folder) | {"use_cpu": not torch.cuda.is_available()}
    common: dict[str, Any] = {"train_dataset": data, "processing_class": tokenizer, "peft_config": adapter}
    if settings.method == "kto":
        if len({row["label"] for row in rows}) < 2:
            raise InputError('step credit needs rows of both labels; use recipe.training.method = "sft"')
        return KTOTrainer(network, args=KTOConfig(**given), **common)
    trainer = SFTTrainer if settings.truncation == 1 else truncated_trainer(SFTTrainer, settings.truncation)
    return trainer(network, args=SFTConfig(completion_only_loss=True, **given), **common)


def _trainer_arguments(settings: TrainingSettings, rows: int, folder: str) -> dict[str, Any]:
    steps = min(settings.max_steps, -(-rows // settings.batch_size))
    return {
        "output_dir": folder,
        "max_steps": steps,
        "per_device_train_batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, steps // 10),
        "max_length": settings.max_tokens,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "bf16": False,
        "dataloader_pin_memory": False,
        "gradient_checkpointing": False,
    }


def _printer() -> Any:  # noqa: ANN401
    from transformers import PrinterCallback

    return PrinterCallback


def _heard(advance: Callable[[int], None]) -> Any:  # noqa: ANN401
    from transformers import TrainerCallback

    class Heard(TrainerCallback):
        """Tells of each step."""

        def on_step_end(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
            advance(1)

    return Heard()


def save(network: Any, folder: Path) -> None:  # noqa: ANN401
    """Write the adapter as peft reads it: `adapter_model.safetensors` and `adapter_config.json`, no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)
