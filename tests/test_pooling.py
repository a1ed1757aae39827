"""Pooled anchors: three messages of sums give the union's mean, moment, collision and error, and hold no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sample_texts import lessons

from metrics.spectrum import SecondMoment
from synthdata import Candidate, Corpus, Settings
from synthdata.errors import AnchorError, InputError
from synthdata.gate.calibrate import collision_with_error
from synthdata.gate.cells import centre
from synthdata.gate.order import order_counts
from synthdata.gate.pooling import Pooled, Silo, first_message, pooled, second_message, third_message
from synthdata.gate.reference import ReferenceRow
from synthdata.operations.pool import pool_anchor, share
from synthdata.settings import AnchorSettings

SETTINGS = AnchorSettings()


def silo(seed: int, rows: int = 180, d: int = 16) -> Silo:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, d)) + 2 * rng.normal(size=(5, d))[rng.integers(5, size=rows)]
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    texts, tasks = lessons(rows, seed), [f"{seed} {i // 2}" for i in range(rows)]
    return Silo("test", "one", x, x, np.ones(rows, dtype=bool), tasks, texts, list(range(60)), 0.9 + seed / 100)


def messages(silos: list[Silo]) -> tuple[Pooled, list[object]]:
    sums = [first_message(one) for one in silos]
    moments = [second_message(one, sums, SETTINGS) for one in silos]
    counts = [third_message(one, sums, moments) for one in silos]
    return pooled(sums, moments, counts), [*sums, *moments, *counts]


def test_the_union_is_exact() -> None:
    silos = [silo(1), silo(2, 90), silo(3, 240)]
    union, _ = messages(silos)
    x = np.concatenate([one.content for one in silos])
    mean = x.mean(axis=0, dtype=np.float64)
    assert union.content_mean == pytest.approx(mean, abs=1e-12)
    rows, _ = centre(x, mean)
    moment = SecondMoment(16)
    moment.add(rows)
    assert np.abs(union.moment.sums()[0] - moment.sums()[0]).max() < 1e-9
    collision, error = collision_with_error(rows)
    assert (union.collision, union.collision_error) == pytest.approx((collision, error), abs=1e-9)
    assert union.cells.sum() == union.rows == len(x) and union.tau == pytest.approx(0.93)
    whole = order_counts([text for one in silos for text in one.contents])
    assert (sum(union.orders.values()) == whole).all()


def test_moments_about_the_silos_own_means_would_be_wrong() -> None:
    silos = [silo(1), silo(2)]
    own = SecondMoment(16)
    for one in silos:
        own.add(centre(one.content, one.content.mean(axis=0))[0])
    assert abs(own.collision_probability() / messages(silos)[0].collision - 1) > 0.001


def test_no_message_holds_a_row_or_a_text() -> None:
    silos = [silo(1), silo(2)]
    union, sent = messages(silos)
    mean = union.content_mean
    rows = np.concatenate([vector for one in silos for vector in (one.content, centre(one.content, mean)[0])])
    texts = [text.encode() for one in silos for text in one.contents]
    for message in sent:
        for array in arrays_of(message):
            assert not any(text in array.tobytes() for text in texts)
            if array.ndim and array.shape[-1] == rows.shape[1]:
                vectors = array.reshape(-1, rows.shape[1])
                lengths = np.linalg.norm(vectors, axis=1)
                near = (vectors / np.where(lengths > 0, lengths, 1)[:, None]) @ rows.T
                assert near.max() < 1 - 1e-6


def arrays_of(value: object) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, SecondMoment):
        return list(value.sums())
    return [array for part in getattr(value, "__dict__", {}).values() for array in arrays_of(part)]


def test_messages_of_another_pool_or_a_missing_silo_are_refused() -> None:
    a, b, c = silo(1), silo(2), silo(3)
    sums = [first_message(one) for one in (a, b)]
    moments = [second_message(one, sums, SETTINGS) for one in (a, b)]
    with pytest.raises(AnchorError, match="missing"):
        third_message(a, sums, moments[:1])
    other = [first_message(a), first_message(b), first_message(c)]
    with pytest.raises(AnchorError, match="another pool"):
        third_message(a, other, [*moments, second_message(c, other, SETTINGS)])
    with pytest.raises(AnchorError, match="twice"):
        second_message(a, [sums[0], sums[0]], SETTINGS)


def test_two_corpora_pool_by_files_and_decide_like_the_whole(tmp_path: Path) -> None:
    settings = Settings.from_dict(
        {"recipe": {"encoder": {"backend": "hashing", "dim": 64}, "anchor": {"heldout_share": 0.0}}}
    )
    rows = [ReferenceRow(text, "", f"t{i}") for i, text in enumerate(lessons(400, 1))]
    parts = {"a": rows[:200], "b": rows[200:], "whole": rows}
    made = {name: Corpus.init(tmp_path / name, part, settings=settings) for name, part in parts.items()}
    silos, files = [made["a"], made["b"]], list[Path]()
    for step in range(3):
        new = [tmp_path / f"{step}{name}.npz" for name in "ab"]
        for corpus, path in zip(silos, new, strict=True):
            share(corpus, path, files)
        files += new
    with pytest.raises(AnchorError, match="missing"):
        pool_anchor(made["a"], files[:-1], "a test")
    pool_anchor(made["a"], files, "a test")
    ours, whole = made["a"].anchor, made["whole"].anchor
    assert ours.number == 1 and ours.context.others
    half, all_ = ours.require_content(), whole.require_content()
    assert half.mean == pytest.approx(all_.mean, abs=1e-9)
    assert (half.collision, half.collision_error) == pytest.approx((all_.collision, all_.collision_error), abs=1e-9)
    # Reading the anchor again gives the same; a file that was changed is refused.
    assert Corpus.open(made["a"].store.path).anchor.fingerprint == ours.fingerprint
    files[0].write_bytes(files[0].read_bytes()[:200])
    with pytest.raises(InputError, match="no message"):
        share(made["b"], tmp_path / "x.npz", files[:2])
    stream = [Candidate(text, task_id=f"n{i}") for i, text in enumerate(lessons(200, 9))]
    verdicts = [{d.candidate.id: d.verdict for d in made[name].decide(stream).decisions} for name in ("a", "whole")]
    assert np.mean([verdicts[0][name] is verdicts[1][name] for name in verdicts[0]]) >= 0.95
