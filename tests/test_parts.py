"""An index in parts answers as one index does, to the bit, and a round over it decides the same."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons

from synthdata import api
from synthdata.api import Corpus
from synthdata.corpus.digest import digest
from synthdata.errors import SettingsError
from synthdata.gate.reference import ReferenceRow
from synthdata.rounds.workers import Workers, workers_for
from synthdata.settings import RuntimeSettings, Settings
from synthdata.similarity.index import VectorIndex
from synthdata.similarity.parts import PartedIndex, in_parts, part_of

SETTINGS = Settings.from_dict(
    {"recipe": {"encoder": {"backend": "hashing"}, "gate": {"collision_max": 1.0, "quota_slack": 99.0}}}, where="test"
)
DIM = 8


def unit(rng, n):
    """Few directions, so that rows repeat and scores tie."""
    x = rng.integers(-2, 3, size=(n, DIM)).astype(np.float32) + np.float32(0.25)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def lists(found):
    return [(scores.tolist(), rows.tolist()) for scores, rows in found]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(0, 60), later=st.integers(0, 20), parts=st.integers(1, 7), k=st.integers(1, 5), seed=st.integers(0)
)
def test_parts_answer_as_the_whole(rows, later, parts, k, seed):
    rng = np.random.default_rng(seed)
    stored, tail, queries = unit(rng, rows), unit(rng, later), unit(rng, 5)
    whole, parted = part_of(stored), in_parts(part_of(stored), parts)
    for index in (whole, parted):
        index.add(tail)
    assert len(parted) == len(whole) == rows + later
    for expected, got in zip(whole.search(queries, k), parted.search(queries, k), strict=True):
        assert expected.tolist() == got.tolist()
    assert lists(whole.within_many(queries, 0.7)) == lists(parted.within_many(queries, 0.7))
    asked = rng.permutation(rows + later)
    assert whole.reconstruct(asked).tolist() == parted.reconstruct(asked).tolist()


def test_what_is_saved_is_the_whole(tmp_path):
    rng = np.random.default_rng(0)
    parted = in_parts(part_of(unit(rng, 30)), 3)
    parted.add(unit(rng, 5))
    parted.save(tmp_path / "index")
    loaded = VectorIndex.load(tmp_path / "index")
    assert loaded.reconstruct(np.arange(35)).tolist() == parted.reconstruct(np.arange(35)).tolist()
    over = PartedIndex.over(loaded)
    over.add(unit(rng, 4))
    # The file is not copied into memory by the first row that comes later.
    assert (len(over), len(loaded)) == (39, 35)
    assert len(VectorIndex.load(tmp_path / "index")) == 35


def test_a_row_that_is_not_there_is_refused():
    parted = in_parts(part_of(unit(np.random.default_rng(0), 5)), 2)
    for row in (-1, 5):
        with pytest.raises(IndexError, match="must lie in"):
            parted.reconstruct([row])
    with pytest.raises(ValueError, match="NaN"):
        parted.search(np.full((1, DIM), np.nan), 1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / "corpus"
    reference = [ReferenceRow(text, "", str(i)) for i, text in enumerate(lessons(160, 1))]
    opened = Corpus.init(path, reference, settings=SETTINGS, views="one")
    opened.admit(lessons(80, 2))
    return path


def test_a_round_over_parts_has_the_same_digest(corpus, tmp_path, monkeypatch):
    digests, new = set(), [*lessons(60, 3), *lessons(80, 2)[:20]]
    for parts in (0, 1, 2, 3, 7):
        path = tmp_path / str(parts)
        shutil.copytree(corpus, path)
        if parts:
            monkeypatch.setattr(api, "workers_for", lambda *_, n=parts: Workers(deal=partial(in_parts, parts=n)))
        Corpus.open(path).admit(new)
        digests.add(digest(Corpus.open(path).store))
    assert len(digests) == 1


def test_a_cluster_without_ray_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(SettingsError, match=r"install synthdata-gate\[ray\]"):
        workers_for(1, RuntimeSettings(ray_address="local"))
