"""A trained adapter in the form that llama.cpp puts over the embedded model's own file.

Llama.cpp stores the rows of query and key projections in another order, because it rotates neighbouring dimensions
where transformers rotates halves; the adapter's rows follow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

FILE = "adapter.gguf"
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
PARTS = {"lora_A": "lora_a", "lora_B": "lora_b"}


def write_gguf(folder: Path, config: Any) -> Path | None:  # noqa: ANN401 - the network's config
    """Write the adapter in `folder` as GGUF beside it; None where the network is not of llama's make."""
    import gguf
    from safetensors.numpy import load_file

    if config.model_type != "llama":
        return None
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    alpha = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["lora_alpha"]
    tensors = load_file(folder / "adapter_model.safetensors")
    writer = gguf.GGUFWriter(folder / FILE, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(alpha))
    for key in sorted(tensors):
        layer, *module, part, _ = key.partition(".layers.")[2].split(".")
        name = NAMES[".".join(module)]
        value = tensors[key].astype(np.float32)
        if part == "lora_B" and name in heads:
            value = rotated(value, heads[name])
        writer.add_tensor(f"blk.{layer}.{name}.weight.{PARTS[part]}", np.ascontiguousarray(value))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / FILE


def rotated(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """Rows (heads * d, r) with the two halves of each head interleaved: 0, d/2, 1, d/2 + 1, ..."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)
