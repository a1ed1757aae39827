"""The forward pass of a sentence-transformers model in bfloat16 by OpenVINO. The only importer of openvino.

About twice as fast as torch on a processor that multiplies bfloat16 itself, with a cosine over 0.999 to torch's
vectors; other numbers all the same, so it is a backend of the recipe of its own and never a fallback.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthdata.errors import SettingsError
from synthdata.protocols import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def bf16_forward(model: SentenceTransformer, threads: int) -> Callable[[dict[str, Any]], Vectors]:
    """A function from the features of one text to its unit vector (d,), float32; up to `threads` may call it at once.

    The transformer is compiled, what comes after it (pooling, scaling) stays the model's own. Each call runs on one
    thread, so that the bits do not depend on how many there are.

    Raises:
        SettingsError: OpenVINO is not installed, this processor has no bfloat16, or the model takes other inputs.
    """
    try:
        import openvino
    except ImportError as error:
        raise SettingsError(
            'recipe.encoder.backend is `openvino`, which is not installed: pip install "synthdata-gate[openvino]"'
        ) from error
    core = openvino.Core()
    require_bf16(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    names, converted = _converted(model)
    options = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
    compiled = core.compile_model(converted, "CPU", options)

    def forward(features: dict[str, Any]) -> Vectors:
        import torch

        output = compiled.create_infer_request().infer([features[name].numpy() for name in names])[0]
        state = features | {"token_embeddings": torch.from_numpy(np.array(output))}
        with torch.inference_mode():
            for module in list(model)[1:]:
                state = module(state)
        raw = state["sentence_embedding"][0].to(torch.float64).numpy()
        length = float(np.sqrt(np.square(raw).sum()))
        return np.asarray(raw / length if length else raw, dtype=np.float32)

    return forward


def require_bf16(capabilities: Sequence[str]) -> None:
    """Refuse a processor that would only imitate bfloat16.

    Raises:
        SettingsError: it is not among its capabilities.
    """
    if "BF16" not in capabilities:
        raise SettingsError(
            f"recipe.encoder.backend is `openvino`, but this processor has no bfloat16 (it has "
            f"{', '.join(capabilities)}); set it to `torch`, whose vectors are others, so do it before `init`"
        )


def _converted(model: SentenceTransformer) -> tuple[list[str], Any]:
    """The names of the inputs and the transformer as an OpenVINO graph for one text of any length.

    The converter of the frontend is called itself: the package's own entry point brings telemetry along.
    """
    import openvino
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    sample = model.preprocess(["A text of a few words, to see which inputs there are."])
    names = [name for name in _INPUTS if name in sample]
    if names[:2] != list(_INPUTS[:2]):
        raise SettingsError(f"backend `openvino` reads {', '.join(_INPUTS)}; this model takes {', '.join(sample)}")
    inner: Any = model[0].auto_model

    class Tokens(torch.nn.Module):
        """The transformer with its inputs by position, as tracing wants them."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            tokens: torch.Tensor = self.inner(**dict(zip(names, given, strict=True))).last_hidden_state
            return tokens

    with torch.no_grad(), warnings.catch_warnings():
        # The branches that tracing freezes ask whether the text is padded or empty, which one whole text never is.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Tokens().eval(), tuple(sample[name] for name in names), check_trace=False)  # type: ignore[no-untyped-call]
    frontend = FrontEndManager().load_by_framework("pytorch")
    # Each step only borrows the one before it.
    decoder = TorchScriptPythonDecoder(traced)
    loaded = frontend.load(decoder)
    graph = frontend.convert(loaded)
    for place in graph.inputs:
        place.get_node().set_partial_shape(openvino.PartialShape([1, -1]))
    graph.validate_nodes_and_infer_types()
    return names, graph
