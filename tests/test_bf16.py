"""The bfloat16 backend: near torch's vectors, the same bits in any company, never a fallback."""

from __future__ import annotations

import numpy as np
import pytest
from sample_texts import lessons

from synthdata.errors import SettingsError
from synthdata.settings import EncoderSettings
from synthdata.similarity.bf16 import require_bf16
from synthdata.similarity.encoder import SentenceEncoder


def test_a_processor_without_bfloat16_is_refused():
    require_bf16(["FP32", "BF16"])
    with pytest.raises(SettingsError, match=r"no bfloat16 \(it has FP32, INT8\).*torch"):
        require_bf16(["FP32", "INT8"])


@pytest.mark.slow
def test_vectors_are_near_torchs_and_do_not_depend_on_company():
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bfloat16")
    texts = [*lessons(12), "short", " ".join(lessons(40)), "", "key"]
    one, two = SentenceEncoder(EncoderSettings(backend="openvino"), 2), SentenceEncoder(EncoderSettings(), 1)
    made = one.encode(texts)
    near = (made.astype(np.float64) * two.encode(texts)).sum(axis=1)
    assert near[[i for i, text in enumerate(texts) if text]].min() >= 0.999
    assert not made[14].any()
    np.testing.assert_allclose(np.linalg.norm(np.delete(made, 14, axis=0), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(one.encode(texts[::-1])[::-1], made)
    assert one.fingerprint != two.fingerprint and one.fingerprint.startswith("openvino-bf16:")
