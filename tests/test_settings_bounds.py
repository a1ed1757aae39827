"""Every number of the settings, at and beyond its bounds: it works, or the field is named."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, get_args

import annotated_types
import pytest
from sample_texts import lessons

from synthdata import admit_texts
from synthdata.errors import SettingsError, SynthdataError
from synthdata.settings import Section, Settings
from synthdata.similarity.hashing import HashingEncoder


def numbers(model: type[Section] = Settings, prefix: str = "") -> Iterator[tuple[str, type, list[Any]]]:
    """Dotted name, type and metadata of every field that holds an int or a float, None or not."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from numbers(kind, f"{prefix}{name}.")
        elif kind in (int, float):
            yield prefix + name, kind, field.metadata
        elif (parts := [part for part in get_args(kind) if part is not type(None)]) and len(parts) == 1:
            inner, *metadata = get_args(parts[0]) or (parts[0],)
            if inner in (int, float):
                spread = [item for given in metadata for item in getattr(given, "metadata", [given])]
                yield prefix + name, inner, [*field.metadata, *spread]


def bounds(kind: type, metadata: list[Any]) -> tuple[float, float, bool, bool]:
    """The least and the greatest value, and whether each is itself allowed."""
    low = high = math.nan
    closed = [True, True]
    for item in metadata:
        if isinstance(item, annotated_types.Ge | annotated_types.Gt):
            low, closed[0] = (item.ge, True) if isinstance(item, annotated_types.Ge) else (item.gt, False)
        if isinstance(item, annotated_types.Le | annotated_types.Lt):
            high, closed[1] = (item.le, True) if isinstance(item, annotated_types.Le) else (item.lt, False)
    return low, high, closed[0], closed[1]


ALL = {name: (kind, *bounds(kind, metadata)) for name, kind, metadata in numbers()}


def test_there_are_as_many_numbers_as_the_schema_has():
    assert len(ALL) > 130
    assert {"recipe.gate.tau", "runtime.memory.bm25_k1", "recipe.night.limit", "recipe.encoder.dim"} <= ALL.keys()


@pytest.mark.parametrize("name", ALL)
def test_every_number_has_two_bounds(name):
    _, low, high, _, _ = ALL[name]
    assert math.isfinite(low) and math.isfinite(high) and low < high


@pytest.mark.parametrize("name", ALL)
def test_values_beyond_the_bounds_are_refused_by_name(name):
    kind, low, high, low_allowed, high_allowed = ALL[name]
    wrong = [low - 1, high + 1, math.nan, math.inf, -math.inf, "many", None if "." not in name else [1]]
    wrong += [] if low_allowed else [kind(low)]
    wrong += [] if high_allowed else [kind(high)]
    for value in wrong:
        with pytest.raises(SettingsError) as error:
            Settings().with_value(name, value)
        assert f"`{name}`" in str(error.value)


def extremes(name: str) -> list[float]:
    kind, low, high, low_allowed, high_allowed = ALL[name]
    if kind is int:
        return [low if low_allowed else low + 1, high if high_allowed else high - 1]
    return [low if low_allowed else math.nextafter(low, high), high if high_allowed else math.nextafter(high, low)]


@pytest.mark.parametrize("name", ALL)
def test_at_its_bounds_a_number_is_taken_or_refused_by_name(name):
    for value in extremes(name):
        try:
            assert Settings().with_value(name, value)
        except SettingsError as error:
            # Two fields that do not fit each other: the message names this one among them.
            assert name.rpartition(".")[2] in str(error)


DECIDING = [name for name in ALL if name.startswith(("recipe.gate.", "recipe.anchor.", "recipe.floor."))]


@pytest.mark.slow
@pytest.mark.parametrize("name", DECIDING)
def test_the_gate_works_at_every_extreme_or_says_what_to_do(name):
    real, new = lessons(130, 1), lessons(25, 2)
    for value in extremes(name):
        try:
            settings = Settings().with_value(name, value)
            result = admit_texts(new, real, settings=settings, encoder=HashingEncoder(24))
            assert len(result.admitted) + len(result.rejected) == len(new)
        except SynthdataError as error:
            assert len(str(error)) > 20
