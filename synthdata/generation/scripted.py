"""A generator without a model: the same request always gives the same answer. For tests, load, demonstrations."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from synthdata.protocols import Answered, Request, Response, unkept
from synthdata.records import content_hash

Reply = Callable[[Request], str]
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]+")
_DEPTH = 8


class ScriptedGenerator:
    """Answers with `reply(request)`; by default an instance of the request's schema, or a sentence from its prompt."""

    def __init__(
        self,
        reply: Reply | None = None,
        model: str = "scripted",
        mean_nll: float = 0.3,
    ) -> None:
        self.model = model
        self.answered: Answered = unkept
        self._reply = reply or default_reply
        self._mean_nll = mean_nll

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order."""
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Response:
        text = self._reply(request)
        words = sum(len(message.content.split()) for message in request.messages)
        response = Response(
            text, self.model, prompt_tokens=words, completion_tokens=len(text.split()), mean_nll=self._mean_nll
        )
        self.answered(request, response)
        return response


def default_reply(request: Request) -> str:
    """A valid instance of the schema, or the end of the sentence that a framed prompt begins."""
    key = content_hash(request.prompt_sha256, str(request.sample_index), str(request.temperature))
    prompt = "\n".join(message.content for message in request.messages)
    if request.choices:
        return request.choices[_Choices(key).below(len(request.choices))]
    if request.schema:
        schema = json.loads(request.schema)
        return json.dumps(_instance(schema, schema, _Choices(key), prompt, 0), ensure_ascii=False)
    return _restatement(prompt, _Choices(key))


class _Choices:
    """An endless row of numbers that depends on the key alone."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn = 0

    def below(self, n: int) -> int:
        self._drawn += 1
        return int(content_hash(self._key, str(self._drawn), length=12), 16) % n


def _instance(schema: Any, root: Any, choose: _Choices, prompt: str, depth: int) -> Any:  # noqa: ANN401 - JSON
    """A value that fits the schema: objects, arrays, enums, unions, references and plain types."""
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return _instance(target, root, choose, prompt, depth + 1)
    if "const" in schema:
        return schema["const"]
    for name in ("enum", "anyOf", "oneOf"):
        if name in schema:
            picked = schema[name][choose.below(len(schema[name]))]
            return picked if name == "enum" else _instance(picked, root, choose, prompt, depth + 1)
    kind = schema.get("type", "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        names = schema.get("properties", {})
        return {name: _instance(part, root, choose, prompt, depth + 1) for name, part in names.items()}
    if kind == "array":
        minimum, maximum = schema.get("minItems", 1), schema.get("maxItems", schema.get("minItems", 1) + 1)
        size = 0 if depth > _DEPTH else minimum + choose.below(maximum - minimum + 1)
        return [_instance(schema.get("items", {}), root, choose, prompt, depth + 1) for _ in range(size)]
    return _plain(kind, schema, choose, prompt)


def _plain(kind: str, schema: Any, choose: _Choices, prompt: str) -> object:  # noqa: ANN401 - JSON
    if kind == "boolean":
        return bool(choose.below(2))
    if kind == "null":
        return None
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", 0), schema.get("maximum", schema.get("minimum", 0) + 10)
        value = low + (high - low) * choose.below(1001) / 1000
        return int(value) if kind == "integer" else value
    return _sentence(prompt, choose)[: schema.get("maxLength", 400)]


def _sentence(prompt: str, choose: _Choices) -> str:
    words = [word for word in _WORD.findall(prompt[-4000:]) if len(word) > 3] or ["nothing", "more"]
    picked = [words[choose.below(len(words))].lower() for _ in range(6 + choose.below(8))]
    openers = ("Check", "Compare", "Before acting, read", "Do not skip", "Keep in mind", "Look again at")
    return f"{openers[choose.below(len(openers))]} {' '.join(picked)}."


def _restatement(prompt: str, choose: _Choices) -> str:
    """The fact of the last block, else its longest line, behind an opener: what a model does that restates its fact."""
    block = prompt.strip().split("\n\n")[-1].splitlines()[:-1]
    facts = [line for line in block if line.startswith("Fact:")]
    lines = [line.partition(":")[2] or line for line in facts or block]
    fact = max(lines, key=len, default=prompt[-200:]).strip().rstrip(".")
    openers = ("", "here ", "at this point ", "for now ", "in this run ", "as the text says, ")
    fact = fact[:1].lower() + fact[1:]
    return f" {openers[choose.below(len(openers))]}{fact}."
