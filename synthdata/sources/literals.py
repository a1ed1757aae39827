"""Values that stand in a text: JSON, Python's own notation, and arguments by name as in a call of Python.

Nothing is run: a text in Python's notation is parsed and only its constants, lists and dicts are taken.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Iterator
from typing import Any, NoReturn

# A longer text in Python's notation is not parsed: its tree takes some hundred times its bytes.
_LONGEST = 1 << 20
_CONSTANTS = {"true": True, "false": False, "null": None}
_TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[()\[\]{},]", re.DOTALL)
_ARGUMENT = re.compile(r"\s*([^\s=,()\[\]{}\"']+)\s*=(?!=)")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key stands twice")
    return made


_DECODER = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_distinct)


def json_at(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at a place, and where it ends.

    Raises:
        ValueError: none does, it names a key twice, or it is nested too deep.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def python_value(text: str) -> Any:  # noqa: ANN401 - any JSON
    """A value in Python's notation, as JSON has it; `true`, `false` and `null` are taken too.

    Raises:
        ValueError: it is no such value, or one that JSON does not have.
    """
    if len(text) > _LONGEST:
        raise ValueError("too long")
    try:
        with warnings.catch_warnings():
            # An unknown escape in a text keeps its backslash, as Python has it.
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError("neither JSON nor Python's notation") from error
    return _value(tree.body)


def _value(node: ast.expr) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node.value.encode("utf-8")
        return node.value
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, int | float)):
        if isinstance(node.value, float) and not math.isfinite(node.value):
            raise ValueError("a number that is not finite")
        return node.value
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand)
        if not isinstance(number, bool) and isinstance(number, int | float):
            return -number
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return _distinct([(_key(key), _value(item)) for key, item in zip(node.keys, node.values, strict=True)])
    raise ValueError("a value that JSON does not have")


def _key(node: ast.expr | None) -> str:
    key = None if node is None else _value(node)
    if not isinstance(key, str):
        raise ValueError("a key that is no text")
    return key


def closing(text: str, at: int) -> int:
    """Where the bracket that opens at a place is closed; texts in quotes are passed over.

    Raises:
        ValueError: it is not.
    """
    depth = 0
    for token in _TOKEN.finditer(text, at):
        sign = token[0]
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and sign in ")]}":
            return token.start()
    raise ValueError("a bracket that is not closed")


def named_arguments(text: str) -> dict[str, Any]:
    """The arguments of a call as Python writes them, `a=1, b="x"`; any word may be a name.

    Raises:
        ValueError: an argument without a name, a name twice, or a value that JSON does not have.
    """
    pairs = []
    for piece in _pieces(text):
        named = _ARGUMENT.match(piece)
        if named is None:
            raise ValueError("an argument without a name")
        pairs.append((named[1], python_value(piece[named.end() :])))
    return _distinct(pairs)


def _pieces(text: str) -> Iterator[str]:
    """What stands between the commas that are in no bracket."""
    depth = begin = 0
    for token in _TOKEN.finditer(text):
        sign = token[0]
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            yield text[begin : token.start()]
            begin = token.end()
    if text[begin:].strip():
        yield text[begin:]
