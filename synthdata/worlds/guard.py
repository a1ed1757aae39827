"""What an agent may do, as a policy file; every action passes here before it reaches a world.

The guard sees the call alone and trusts nothing in it. It never changes an action: it lets it through or refuses it by
a named rule. It cannot know whether a permitted call is wise; bounds, approvals and limits are how an operator says so.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from synthdata.errors import InputError
from synthdata.settings.section import Amount, Section, Size
from synthdata.worlds.environment import Action

# Asked for each irreversible action; True lets it through.
Approve = Callable[[Action], bool]
Limit = Literal["steps", "seconds", "tokens", "spend"]
# Longer arguments are no names, amounts or words that anyone fills in.
LONGEST_ARGUMENT = 10_000
# Deeper ones are no arguments that a tool asks for.
DEEPEST_ARGUMENT = 8
# The last word of an argument's name whose value is an address, and names whose value says which element is meant.
_ADDRESS_NAMES = re.compile(r"(?:url|href|src|uri|origin|address)s?")
_ELEMENT_NAMES = frozenset({"name", "field", "label", "selector", "element", "elementname", "fieldname", "labeltext"})
# Schemes that lead somewhere or run something, and the two slashes before which browsers put the page's own scheme. A
# browser takes `http:far.example` too, but no scheme with a blank behind it: "Data: five rows" is a text.
_BEGINS_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]*://|[\\/]{2}|(?:https?|wss?|ftp|javascript|vbscript|data|file|blob|filesystem|about|view-source"
    r"|chrome|devtools):\S",
    re.I,
)
_LINK = re.compile(r"(?:[a-z][a-z0-9+.-]{0,20}://|(?:https?|wss?|ftp):[\\/])[^\s\"'<>]*", re.I)
# What browsers take out of an address before they read it.
_IGNORED = re.compile(r"^[\x00-\x20]+|[\t\r\n]")
_WORDS = re.compile(r"[^\W_]+")


def unattended(action: Action) -> bool:
    """Nobody is there to approve: no."""
    return False


class Bound(Section):
    """What an argument of a tool must be: within [least, most] if a number, matching `pattern` as a whole if a text."""

    tool: str
    argument: str
    least: float | None = None
    most: float | None = None
    pattern: Annotated[str, Field(max_length=500)] | None = None

    @field_validator("pattern")
    @classmethod
    def compiles(cls, pattern: str | None) -> str | None:
        """A pattern that is none is a fault of the file."""
        if pattern is not None:
            re.compile(pattern)
        return pattern

    @model_validator(mode="after")
    def bounds_something(self) -> Self:
        """A bound that says nothing, or that nothing can hold, is a fault of the file."""
        if self.pattern is None and self.least is None and self.most is None:
            raise ValueError(f"the bound of {self.argument} needs `least`, `most` or `pattern`")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(f"the bound of {self.argument} has `least` above `most`")
        if self.pattern is not None and (self.least is not None or self.most is not None):
            raise ValueError(f"the bound of {self.argument} is for a text and for a number at once")
        return self

    def holds(self, value: object) -> bool:
        """Whether the value is allowed."""
        if self.pattern is not None and not (isinstance(value, str) and re.fullmatch(self.pattern, value)):
            return False
        if self.least is None and self.most is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Limits(Section):
    """Ends of an episode; 0 is no limit. Seconds of the clock, tokens and spend of the player's model."""

    steps: Size = 40
    seconds: Amount = 300.0
    tokens: Amount = 0
    spend: Amount = 0


class Policy(Section):
    """A policy file. `tools` and `origins` are all that is allowed.

    `fields` are names that no argument may have or name; `irreversible` tools need an approval each time.
    """

    tools: tuple[str, ...]
    origins: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    limits: Limits = Limits()

    @field_validator("origins")
    @classmethod
    def are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """An entry that is no origin would allow nothing, without a word."""
        for origin in origins:
            parts = urlsplit(origin)
            if origin != f"{parts.scheme}://{parts.netloc}" or not parts.hostname or parts.username is not None:
                raise ValueError(f"{origin[:80]!r} is no origin such as https://example.org:8443")
        return origins

    @field_validator("fields")
    @classmethod
    def have_letters(cls, fields: tuple[str, ...]) -> tuple[str, ...]:
        """A field without a letter would stand in every name."""
        if not all(map(_plain, fields)):
            raise ValueError("a field needs a letter or a digit")
        return fields

    @model_validator(mode="after")
    def names_its_own_tools(self) -> Self:
        """A bound or an approval for a tool of another spelling would hold for none."""
        for name in (*(bound.tool for bound in self.bounds), *self.irreversible):
            if name not in self.tools:
                raise ValueError(f"{name[:60]!r} is bounded or irreversible, but not among `tools`")
        return self

    @classmethod
    def from_toml(cls, path: Path) -> Policy:
        """Read a policy file.

        Raises:
            InputError: it cannot be read, or a field is unknown or impossible.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, re.error) as error:
            raise InputError(f"{path}: cannot be read as a policy: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = f"`{'.'.join(map(str, first['loc']))}`: " if first["loc"] else ""
            raise InputError(f"{path}: {where}{first['msg']}; docs/worlds.md lists the fields") from error


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which rule refused an action, and what the agent is told."""

    rule: str
    reason: str

    @property
    def text(self) -> str:
        """The observation."""
        return f"Error: refused by rule {self.rule}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Spent:
    """What an episode has used so far."""

    steps: int = 0
    seconds: float = 0.0
    tokens: int = 0
    spend: float = 0.0


@dataclass(frozen=True)
class Guard:
    """A policy with whoever approves."""

    policy: Policy
    approve: Approve = unattended

    def refusal(self, action: Action) -> Refusal | None:
        """Why the action may not be taken, None if it may. The approval is asked last, for what else is allowed."""
        policy, values = self.policy, action.values
        if action.name not in policy.tools:
            return Refusal("tool", f"{action.name[:60]} is not among the allowed tools")
        for name, value in _leaves(values):
            if value is _TOO_DEEP:
                return Refusal("length", f"{name} is nested deeper than {DEEPEST_ARGUMENT} levels")
            if isinstance(value, str) and len(value) > LONGEST_ARGUMENT:
                return Refusal("length", f"{name} has {len(value)} characters")
            if _forbidden(name, value, policy.fields):
                return Refusal("field", f"{name} names a field that may not be read or filled")
            if not all(_allowed_origin(address, policy.origins) for address in _addresses(name, value)):
                return Refusal("origin", f"{name} leads outside the allowed origins")
        for bound in policy.bounds:
            if bound.tool == action.name and not bound.holds(values.get(bound.argument)):
                return Refusal("bounds", f"{bound.argument} is outside what {bound.tool} allows")
        if action.name in policy.irreversible and not self.approve(action):
            return Refusal("approval", f"{action.name} cannot be undone and nobody approved it")
        return None

    def exhausted(self, spent: Spent) -> Limit | None:
        """The name of the limit that is reached."""
        limits = self.policy.limits
        if spent.steps >= limits.steps:
            return "steps"
        if limits.seconds and spent.seconds >= limits.seconds:
            return "seconds"
        if limits.tokens and spent.tokens >= limits.tokens:
            return "tokens"
        return "spend" if limits.spend and spent.spend >= limits.spend else None


_TOO_DEEP = object()


def _leaves(node: object, name: str = "argument", depth: int = DEEPEST_ARGUMENT) -> Iterator[tuple[str, object]]:
    """Every value in the arguments with the name nearest to it, objects' keys as values too; `_TOO_DEEP` for more."""
    if depth == 0 and isinstance(node, dict | list):
        yield name, _TOO_DEEP
    elif isinstance(node, dict):
        for key, value in node.items():
            yield key, key
            yield from _leaves(value, key, depth - 1)
    elif isinstance(node, list):
        for value in node:
            yield from _leaves(value, name, depth - 1)
    else:
        yield name, node


def _plain(text: str) -> str:
    """Letters and digits alone, in small letters and of the usual width."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


def _last_word(name: str) -> str:
    """`url` of `image_url` and of `imageUrl`."""
    words = _WORDS.findall(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name))
    return str(words[-1]).lower() if words else ""


def _forbidden(name: str, value: object, fields: tuple[str, ...]) -> bool:
    """Whether the argument is a forbidden field, or names one as the element that it acts on."""
    named = isinstance(value, str) and _plain(name) in _ELEMENT_NAMES
    texts = [_plain(name)] + ([_plain(str(value))] if named else [])
    return any(_plain(field) in text for field in fields for text in texts)


def _addresses(name: str, value: object) -> Iterator[str]:
    """What in an argument is an address: all of it where the name or its beginning says so, else each link in it."""
    if not isinstance(value, str):
        return
    read = _IGNORED.sub("", value)
    # A key is its own name here, and no address for being called one.
    if _BEGINS_ADDRESS.match(read) or (name != value and _ADDRESS_NAMES.fullmatch(_last_word(name))):
        yield value
    else:
        yield from (match[0] for match in _LINK.finditer(read))


def _allowed_origin(value: str, origins: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(value.strip())
        own = (parts.scheme.lower(), (parts.hostname or "").lower(), parts.port)
    except ValueError:
        return False
    if parts.username or "\\" in value:
        return False
    return any(own == (p.scheme, (p.hostname or "").lower(), p.port) for p in map(urlsplit, origins))
