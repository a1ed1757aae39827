"""The response cache: what was paid for once is never paid for again, and K samples of a prompt stay K samples.

Keyed by the whole request with its sample index, and by the model. One file a response, renamed into place, so that
threads, processes and kills cannot spoil it; an entry that cannot be read is a miss.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from synthdata.io.files import atomic_write
from synthdata.protocols import Advance, Generator, Request, Response, no_advance
from synthdata.records import canonical_json, content_hash

# What a kill may lose of a generator that hands over its answers together.
GROUP = 64


def unnoted(response: Response) -> None:
    """Nobody wants to know of an answer that was paid."""


class CachedGenerator:
    """A generator that asks `inner` only for what `folder` does not hold. A response with `error` is never kept.

    `inner` is asked for `group` answers at a time; where it calls `answered` for each as it comes, the group may be as
    large as can be. `progress` hears of every answer.
    """

    def __init__(
        self, inner: Generator, folder: Path | str, progress: Advance = no_advance, group: int = GROUP
    ) -> None:
        self.inner = inner
        self.model = inner.model
        self.folder = Path(folder)
        self._progress = progress
        self._group = group
        self._heard: set[str] = set()
        self._equal: list[int] = []
        self._paid: list[Response] = []
        self._note: Callable[[Response], None] = unnoted

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order; those from the cache say `cached` and cost nothing."""
        responses: dict[str, Response | None] = {self.key(request): self.lookup(request) for request in requests}
        missing = {self.key(request): request for request in requests if responses[self.key(request)] is None}
        self._progress(len(requests) - len(missing))
        keys = list(missing)
        for start in range(0, len(keys), self._group):
            group = keys[start : start + self._group]
            fresh = self.inner.generate([missing[key] for key in group])
            for key, response in zip(group, fresh, strict=True):
                responses[key] = response
                if key not in self._heard:
                    self.answered(missing[key], response)
                self._heard.discard(key)
        answers = [answer for request in requests if (answer := responses[self.key(request)]) is not None]
        self._equal.append(count_equal_samples(requests, answers))
        return answers

    def answered(self, request: Request, response: Response) -> None:
        """Keep an answer that has just come; a generator that takes long calls this for each."""
        key = self.key(request)
        self._heard.add(key)
        self._progress(1)
        self._paid.append(replace(response, text=""))
        self._note(response)
        if not response.error:
            self._keep(key, request, response)

    @contextmanager
    def noting(self, note: Callable[[Response], None]) -> Iterator[None]:
        """In the block, tell `note` of every answer that was paid, before it is kept."""
        self._note = note
        try:
            yield
        finally:
            self._note = unnoted

    @property
    def equal_samples(self) -> int:
        """Prompts so far whose several samples, at a temperature over 0, were all the same text."""
        return sum(self._equal)

    @property
    def paid(self) -> tuple[int, float]:
        """Tokens and cost of the answers so far that were not in the cache."""
        paid = self._paid.copy()
        tokens = sum(response.prompt_tokens + response.completion_tokens for response in paid)
        return tokens, sum(response.cost for response in paid)

    def lookup(self, request: Request) -> Response | None:
        """The kept response, or None."""
        try:
            entry = json.loads(self._path(self.key(request)).read_text(encoding="utf-8"))
            return replace(Response(**entry["response"]), cached=True, cost=0.0)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def reject(self, request: Request) -> None:
        """Say that a response could not be used: it stays on disk for the record but is asked again next time."""
        path = self._path(self.key(request))
        if path.exists():
            path.replace(path.with_suffix(".rejected"))

    def key(self, request: Request) -> str:
        """40 hex characters over every field of the request and the model."""
        fields = asdict(request)
        if not request.choices:
            # Answers that were paid for before requests had choices keep their keys.
            del fields["choices"]
        return content_hash(canonical_json(fields), self.model, length=40)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _keep(self, key: str, request: Request, response: Response) -> None:
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        entry = {"model": self.model, "prompt_sha256": request.prompt_sha256, "response": asdict(response)}
        atomic_write(path, json.dumps(entry | {"sample_index": request.sample_index}, sort_keys=True))


def count_equal_samples(requests: Sequence[Request], responses: Sequence[Response]) -> int:
    """Prompts with two or more samples, at a temperature over 0, whose usable ones are all the same text."""
    samples: dict[str, dict[int, str]] = {}
    for request, response in zip(requests, responses, strict=True):
        if request.temperature > 0 and not response.error:
            key = content_hash(canonical_json(asdict(replace(request, sample_index=0))))
            samples.setdefault(key, {})[request.sample_index] = response.text.strip()
    return sum(len(texts) > 1 and len(set(texts.values())) == 1 for texts in samples.values())


def equal_samples_warning(prompts: int) -> str:
    """What to tell the operator where `count_equal_samples` is not 0."""
    return (
        f"warning: all samples of {prompts} prompts are the same text: a cache or a fixed seed at the endpoint is at "
        "fault, or its temperature is 0; such samples only cost money"
    )
