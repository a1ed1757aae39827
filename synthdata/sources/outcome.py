"""Whether a run succeeded and its reward, as logs have them: what is clear is read, what was repaired is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthdata.sources.fields import RowError, as_flag, quoted

# Names under which an object of rewards keeps the one that counts, the clearest first.
_TOTALS = ("reward", "total_reward", "total", "score", "overall", "final", "value")
_WORDS = {"true": True, "false": False}
# Objects beside a run in which logs say how it ended.
_ABOUT = ("extra", "metadata", "info", "metrics", "reward_info", "outcome")


def success_of(row: Mapping[str, Any], names: Sequence[str], notes: list[str]) -> bool | None:
    """What the first of these fields that says anything says of success; see `_stated` for where it may stand."""
    where, value = _stated(row, names, lambda value: isinstance(value, bool | int | float) and value in (0, 1))
    return read_success(value, where, notes)


def reward_of(row: Mapping[str, Any], names: Sequence[str], notes: list[str]) -> float | None:
    """As `success_of`, of the reward."""
    where, value = _stated(row, names, lambda value: isinstance(value, bool) or _is_number(value))
    return read_reward(value, where, notes)


def _stated(row: Mapping[str, Any], names: Sequence[str], is_clear: Callable[[object], bool]) -> tuple[str, object]:
    """The first of these fields that says anything, and where it stands; a null hides none of those after it.

    Beside the run it is read or refused. Objects of notes about a run have many uses: there only what is clear counts.
    """
    places = [("", row), *((f"{name}.", row[name]) for name in _ABOUT if isinstance(row.get(name), dict))]
    for place, node in places:
        for name in names:
            value = node.get(name)
            if is_clear(value) if place else value not in (None, ""):
                return f"{place}{name}", value
    return names[0], None


def read_success(value: object, where: str, notes: list[str]) -> bool | None:
    """True, false or null, as which an empty text counts.

    The numbers 1 and 0 and the words `true` and `false` count as such, and a note says so.

    Raises:
        RowError: anything else: whether it means success is not ours to guess.
    """
    if isinstance(value, str) and not value.strip():
        return None
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        flag = _WORDS[value.strip().lower()]
    elif isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        flag = value == 1
    else:
        return as_flag(value, where)
    notes.append(f"`{where}` {value!r} read as {str(flag).lower()}")
    return flag


def read_reward(value: object, where: str, notes: list[str]) -> float | None:
    """A finite number or null, as which an empty text counts.

    Of an object the total is taken (`reward`, `total`, `score` and the like), or its only number; a text that is a
    number counts as one; a truth value as 1 or 0. Anything else is left out, and a note says so: a reward is no reason
    to lose a run.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool):
        notes.append(f"`{where}` {str(value).lower()} read as {float(value)}")
        return float(value)
    if isinstance(value, dict):
        numbers = {key: item for key, item in value.items() if _is_number(item)}
        name = next((key for key in _TOTALS if key in numbers), next(iter(numbers)) if len(numbers) == 1 else None)
        if name is None:
            notes.append(f"`{where}` is an object of {len(numbers)} numbers and none is named as the total; not read")
            return None
        notes.append(f"`{where}` read from its field `{name[:60]}`")
        return _finite(numbers[name], where, notes)
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            raise RowError(f"`{where}` must be a number, not a text") from None
        notes.append(f"`{where}` {quoted(value)} read as a number")
        return _finite(number, where, notes)
    if _is_number(value):
        return _finite(value, where, notes)
    if isinstance(value, Sequence) and len(value) == 1 and _is_number(value[0]):
        notes.append(f"`{where}` read from a list of one")
        return _finite(value[0], where, notes)
    notes.append(f"`{where}` is a list of {len(value) if isinstance(value, Sequence) else '?'} values; not read")
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _finite(value: float | int | object, where: str, notes: list[str]) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    if math.isfinite(number):
        return number
    notes.append(f"`{where}` is not finite; not read")
    return None
