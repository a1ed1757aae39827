"""Pooled anchors: three messages of sums give the union's mean, moment, collision and error, and hold no row."""

from __future__ import annotations

import numpy as np
import pytest
from sample_texts import lessons

from metrics.spectrum import SecondMoment
from synthdata.errors import AnchorError
from synthdata.gate.calibrate import collision_with_error
from synthdata.gate.cells import centre
from synthdata.gate.order import order_counts
from synthdata.gate.pooling import Pooled, Silo, first_message, pooled, second_message, third_message
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
