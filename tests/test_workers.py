"""Text work in other processes says what it says in this one, and needs nothing of the caller's main module."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from sample_texts import lessons

from synthdata.errors import SettingsError
from synthdata.gate.perplexity import calibrate_band
from synthdata.gate.ready import AT_ONCE, make_ready
from synthdata.gate.wording import calibrate_wording
from synthdata.protocols import in_line
from synthdata.records import Candidate
from synthdata.rounds.ahead import encode_ahead
from synthdata.rounds.steps import check
from synthdata.rounds.wording import check_wording
from synthdata.rounds.workers import ProcessMapper, mapper_for
from synthdata.settings import AnchorSettings, EncoderSettings, GateSettings, Recipe, RuntimeSettings
from synthdata.similarity.encoder import CachedEncoder, make_encoder

TEXTS = [
    *lessons(2 * AT_ONCE, 1),
    "ha " * 60,
    "gr8 }{ xqzv;;= plonk",
    "\u202eabc\u202c",
    "在3月份卖掉了房子",
    "half \ud800 a pair",
]


class Content:
    """What check_wording reads of a calibration."""

    def __init__(self, texts):
        self.language = calibrate_band(texts, AnchorSettings())
        tasks = [str(i) for i in range(len(texts))]
        self.wording = calibrate_wording(texts, [""] * len(texts), tasks, self.language, AnchorSettings())


def told(ready):
    return [(s.plain, s.signature.tolist(), s.bands.tolist(), slots.tolist(), frame) for s, slots, frame in ready]


def test_processes_give_what_one_process_gives():
    pool = ProcessMapper(2)
    candidates = [Candidate(text) for text in TEXTS]
    assert check(candidates, {}, Recipe(), pool) == check(candidates, {}, Recipe(), in_line) != {}
    content = Content(lessons(200, 2))
    seen = [check_wording(candidates, TEXTS, content, Recipe(), mapper) for mapper in (pool, in_line)]
    assert repr(seen[0]) == repr(seen[1])
    pairs = [(text, "") for text in TEXTS]
    assert told(make_ready(pairs, GateSettings(), pool)) == told(make_ready(pairs, GateSettings(), in_line))


def test_parts_come_back_in_order_and_a_failure_is_the_callers():
    pool = ProcessMapper(2)
    parts = [np.arange(n) for n in range(9)]
    assert list(pool(np.sum, parts)) == [part.sum() for part in parts]
    with pytest.raises(ZeroDivisionError):
        list(pool(partial(divmod, 1), [1, 0]))


def test_small_rounds_and_one_thread_stay_in_line():
    assert mapper_for(10**6, 1) is in_line
    assert mapper_for(100, 8) is in_line
    assert isinstance(mapper_for(10**6, 8), ProcessMapper)


SCRIPT = """
import sys
print("main runs")
from synthdata.rounds.workers import ProcessMapper
print(sorted(ProcessMapper(2)(abs, [-1, -2])))
"""


def test_a_script_without_a_guard_runs_once(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    out = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True, timeout=120)
    assert out.stdout.splitlines() == ["main runs", "[1, 2]"]
    assert out.stderr == ""


class Silent:
    """The encoder of a machine that embeds nothing itself."""

    def __init__(self, like):
        self.fingerprint, self.dim = like.fingerprint, like.dim

    def encode(self, texts):
        raise AssertionError(f"asked for {texts}")


@pytest.mark.slow
def test_vectors_made_ahead_by_workers_are_those_of_the_encoder(tmp_path):
    settings, texts = EncoderSettings(), [*lessons(5, 4), "", lessons(1, 4)[0]]
    own = make_encoder(settings, RuntimeSettings())
    expected = own.encode(texts)
    cached = CachedEncoder(Silent(own), tmp_path)
    encode_ahead(cached, texts, settings, in_line)
    assert cached.encode(texts).tolist() == expected.tolist()
    # What is stored already is not asked for again, and an encoder of the caller's own stays with the caller.
    encode_ahead(cached, texts, settings, lambda function, parts: [function(part) for part in parts if 1 / 0])
    encode_ahead(Silent(own), texts, settings, in_line)
    other = CachedEncoder(Silent(own), tmp_path / "other")
    other.fingerprint = "another model"
    with pytest.raises(SettingsError, match="copy the same files to every node"):
        encode_ahead(other, texts, settings, in_line)
