"""Truncated cross entropy: tokens that the model is sure of already have no loss.

A model trained on texts of models grows ever surer of what is common in them. Leaving out the loss of tokens to which
it gives a high probability keeps its distribution wide for longer (Shabgahi et al. 2025, arXiv 2509.08972).
"""

from __future__ import annotations

from typing import Any

IGNORED = -100


def truncated_cross_entropy(logits: Any, labels: Any, bound: float, tokens: Any = None) -> Any:  # noqa: ANN401
    """Sum of -log p over the labelled tokens with p < `bound`, divided by the number of all labelled tokens, in nats.

    Args:
        logits: (rows, positions, vocabulary); position i predicts the token at i + 1.
        labels: (rows, positions); -100 has no label.
        bound: in (0, 1]; 1 is plain cross entropy, but for tokens that are certain already.
        tokens: labelled tokens of the whole optimiser step, where it is made of several batches; else of this batch.
    """
    import torch
    from torch.nn.functional import cross_entropy

    targets = labels[:, 1:].flatten()
    losses = cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), targets.to(logits.device), ignore_index=IGNORED, reduction="none"
    )
    unsure = (-losses.detach()).exp() < bound
    count = (targets != IGNORED).sum() if tokens is None else torch.as_tensor(tokens, device=losses.device)
    return (losses * unsure).sum() / count.clamp(min=1)


def truncated_trainer(trainer: type[Any], bound: float) -> type[Any]:
    """A trainer of transformers whose loss is the truncated cross entropy."""

    class TruncatedTrainer(trainer):  # type: ignore[misc]
        """As its base, with another loss; `loss` in its log is that of the tokens that count."""

        def compute_loss(
            self,
            model: Any,  # noqa: ANN401
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: Any = None,  # noqa: ANN401
        ) -> Any:  # noqa: ANN401
            outputs = model(**{name: value for name, value in inputs.items() if name != "labels"}, use_cache=False)
            loss = truncated_cross_entropy(outputs.logits, inputs["labels"], bound, num_items_in_batch)
            return (loss, outputs) if return_outputs else loss

    return TruncatedTrainer
