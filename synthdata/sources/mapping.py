"""Which columns of a data set are its answer, its question, its chat: found by `shapes`, or given with `--map`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synthdata.errors import InputError
from synthdata.sources.turns import KNOWN, Tags

ROLES = ("content", "context", "messages", "system", "history", "tools", "chosen", "rejected", "label")
_SEVERAL = ("content", "context")


@dataclass(frozen=True)
class ColumnMap:
    """Column names (dotted paths lead into objects) by what they hold; several of `content` or `context` are joined.

    `content` is the answer, `context` the question; of a chat `messages` holds the turns; of a preference `chosen` is
    the answer; rows of which `label` is false are no samples. `shape` names what the data set looks like, for people.
    """

    shape: str
    content: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    messages: str = ""
    system: str = ""
    history: str = ""
    tools: str = ""
    chosen: str = ""
    rejected: str = ""
    label: str = ""
    tags: Tags = KNOWN
    given: bool = False

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns without which a row is no sample."""
        return tuple(filter(None, (self.chosen or self.messages or "", *self.content)))

    @property
    def roles(self) -> dict[str, str]:
        """The columns by role, as `--map` takes them."""
        roles = {role: getattr(self, role) for role in ROLES}
        return {role: name if isinstance(name, str) else "+".join(name) for role, name in roles.items() if name}

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(path for names in self.roles.values() for path in names.split("+"))

    def below(self, name: str) -> ColumnMap:
        """The same map of columns that lie in an object, as Argilla writes its records."""
        inner = {role: f"{name}.{column}" for role, column in self.roles.items() if role not in _SEVERAL}
        several = {role: tuple(f"{name}.{column}" for column in getattr(self, role)) for role in _SEVERAL}
        return replace(self, shape=f"{self.shape} in {name}", **inner, **several)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """`Alpaca: content = output, context = instruction + input`."""
        named = ", ".join(f"{role} = {' + '.join(names.split('+'))}" for role, names in self.roles.items())
        return f"{self.shape}: {named}" if named else self.shape


def parse_map(given: Sequence[str] | Mapping[str, str] | str | None, fields: Sequence[str] = ()) -> ColumnMap | None:
    """The mapping of `--map content=output,context=instruction+input`; None where nothing is given.

    `fields` are those of the older `--field`: several are joined to one text.

    Raises:
        InputError: an unknown role, one given twice, or no column.
    """
    texts = [given] if isinstance(given, str) else list(given or ())
    pairs = list(given.items()) if isinstance(given, Mapping) else [
        part.partition("=")[::2] for text in texts for part in text.split(",") if part.strip()
    ]  # fmt: skip
    if fields:
        pairs.append(("content", "+".join(fields)))
    if not pairs:
        return None
    paths: dict[str, tuple[str, ...]] = {}
    for role, names in pairs:
        role, columns = role.strip(), tuple(name.strip() for name in names.split("+") if name.strip())
        role = {"prompt": "context", "completion": "content"}.get(role, role)
        if role not in ROLES or not columns or role in paths or (len(columns) > 1 and role not in _SEVERAL):
            raise InputError(
                f"--map {role}={names}: write ROLE=COLUMN, each role once, such as "
                f"content=output,context=instruction+input; roles are {', '.join(ROLES)}"
            )
        paths[role] = columns
    if not {"content", "messages", "chosen"} & set(paths):
        raise InputError("--map names no text: say content=COLUMN, messages=COLUMN or chosen=COLUMN")
    single = {role: columns[0] for role, columns in paths.items() if role not in _SEVERAL}
    several = {role: columns for role, columns in paths.items() if role in _SEVERAL}
    return replace(ColumnMap("given by --map", given=True), **single, **several)  # type: ignore[arg-type]


def values_at(value: object, path: str) -> list[Any]:
    """All values that are not null under a dotted path; lists on the way, and a list of texts at its end, are unrolled.

    A column may have a dot in its name: the whole name comes first.
    """
    if isinstance(value, list):
        return [values for item in value for values in values_at(item, path)]
    if not isinstance(value, dict):
        return []
    if path in value:
        values = value[path]
        if isinstance(values, list) and values and all(isinstance(item, str) for item in values):
            return list(values)
        return [] if values is None else [values]
    name, _, rest = path.partition(".")
    return values_at(value.get(name), rest) if rest else []
