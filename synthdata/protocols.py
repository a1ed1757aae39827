"""The seams. A user plugs in a class of about twenty lines for any of them; there is no registry.

Rooms know each other only through these. Requests and responses of generation live here too, because reflection makes
the ones and reads the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from synthdata.records import LabelSource, Picture, Reflection, Trajectory, canonical_json, content_hash

Vectors = NDArray[np.float32]
Part = TypeVar("Part")
Done = TypeVar("Done")
# Called with how many more requests, texts or candidates are done.
Advance = Callable[[int], None]


def no_advance(done: int) -> None:
    """The advance of work that nobody watches."""


class Progress(Protocol):
    """Shows a piece of work while it is done: `with progress("embedding", 300) as advance: ... advance(64)`."""

    def __call__(self, work: str, total: int) -> AbstractContextManager[Advance]:
        """Show `work` of `total` steps for as long as the block runs; a total may be passed."""


def no_progress(work: str, total: int) -> AbstractContextManager[Advance]:
    """The progress that shows nothing."""
    return nullcontext(no_advance)


class Mapper(Protocol):
    """Does the same with each part of some work: here, in other processes, or on other machines."""

    def __call__(self, function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
        """What the function makes of each part, in their order; the function and its parts can be pickled."""


def in_line(function: Callable[[Part], Done], parts: Sequence[Part]) -> Iterable[Done]:
    """The mapper that does one part after the other in this process."""
    return map(function, parts)


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message. A last message of role `assistant` is a prefix that the model continues."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Request:
    """One sample to generate. `sample_index` is part of its identity: K samples of a prompt are K requests.

    `schema` is a JSON schema as text, empty for free text. `continue_last` makes the model continue the last assistant
    message. `raw` sends the messages' contents joined, without a chat template (for framed completion by small models).
    Where `choices` are given the answer is one of them, whichever the model finds likeliest as it goes along; a
    generator that cannot hold a model to that answers with `error`.
    """

    messages: tuple[Message, ...]
    sample_index: int = 0
    temperature: float = 0.7
    top_p: float = 1.0
    min_p: float = 0.0
    max_tokens: int = 512
    schema: str = ""
    stop: tuple[str, ...] = ()
    raw: bool = False
    logprobs: bool = False
    choices: tuple[str, ...] = ()

    @property
    def prompt_sha256(self) -> str:
        """24 hex characters over the messages alone."""
        return content_hash(canonical_json([[m.role, m.content] for m in self.messages]))


@dataclass(frozen=True, slots=True)
class Response:
    """One generated text. `mean_nll` is nats a token over the sampled tokens, None where the backend does not tell.

    `error` is empty, or says why there is no usable text: the request stays open and a later run asks again.
    """

    text: str
    model: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    mean_nll: float | None = None
    cost: float = 0.0
    cached: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What steering asks of the reflection on one run; empty, nothing changes.

    `focus` are steps to take before others, in order. `known` are lessons that the corpus holds already. `warmer` is
    added to sampling temperatures. `angle` other than 0 picks another question or wording.
    """

    focus: tuple[int, ...] = ()
    known: tuple[str, ...] = ()
    warmer: float = 0.0
    angle: int = 0


UNGUIDED = Guidance()
UNSTEERED: Mapping[str, Guidance] = {}


# Hears of each answer as it comes, with its request: what takes many answers at once can then keep them one by one.
Answered = Callable[[Request, Response], None]


def unkept(request: Request, response: Response) -> None:
    """The answers that nobody waits for one by one."""


@runtime_checkable
class Generator(Protocol):
    """A language model. `model` names it with its revision: it enters the cache key and the recipe."""

    model: str

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One response a request, in order. A failed request gives a Response with `error`, never an exception.

        Raises:
            EndpointError: the backend cannot be reached at all.
        """


@runtime_checkable
class Rejecting(Protocol):
    """A generator with a memory: it can be told that an answer was unusable, and will ask again next time."""

    def reject(self, request: Request) -> None:
        """Do not keep the answer to this request as final."""


@runtime_checkable
class Scorer(Protocol):
    """A language model that tells how likely given texts are."""

    def nll(self, prompt: str, continuations: Sequence[str]) -> list[float]:
        """Mean nats a token of each continuation after the prompt."""


@runtime_checkable
class Encoder(Protocol):
    """Texts to unit vectors. `fingerprint` names model, weights and backend: vectors of two fingerprints never mix."""

    fingerprint: str
    dim: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (n, dim), float32; the zero vector for a text that has no content for the encoder."""


@runtime_checkable
class Illiterate(Protocol):
    """An encoder that does not know every script and can say which; one without this method reads all texts."""

    def unread(self, texts: Sequence[str]) -> list[tuple[float, str]]:
        """Of each text the share of its letters, in [0, 1], that the encoder cannot read, and their language."""


@runtime_checkable
class ImageEncoder(Protocol):
    """Pictures to unit vectors, for measuring alone. `fingerprint` names the model: vectors of two never mix."""

    fingerprint: str
    dim: int

    def encode(self, pictures: Sequence[bytes]) -> Vectors:
        """Unit vectors, shape (n, dim), float32, of files that are PNG or JPEG.

        Raises:
            EndpointError: there are none, whatever the reason; a later measurement asks again.
        """


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one reflection; a threshold is set on `score` in [0, 1], it is never a rank.

    `labels` holds the judge's opinion on each step that the reflection labels, by step index, each with its own score.
    """

    verdict: Literal["pass", "fail", "abstain"]
    score: float
    reason: str = ""
    labels: tuple[tuple[int, LabelSource], ...] = ()


@runtime_checkable
class Pictures(Protocol):
    """Where readers put the pictures that they meet: the folder of a corpus, or nowhere at all.

    A file of more than `max_bytes` is refused.
    """

    @property
    def max_bytes(self) -> int:
        """The most bytes of a picture's file."""

    def put(self, data: bytes) -> Picture:
        """Keep a picture, given the bytes of its file.

        Raises:
            PictureError: it is damaged, too large, or none.
        """

    def has(self, name: str) -> bool:
        """Whether a picture of that name is kept."""


# Given the name of a kept picture, the words that it shows.
Words = Callable[[str], str]


@runtime_checkable
class Judge(Protocol):
    """A second opinion that may veto a reflection, never rescue one."""

    @property
    def model(self) -> str:
        """The name that the rows which it judged carry."""

    def judge(self, items: Sequence[tuple[Trajectory, Reflection]]) -> list[Judgement]:
        """One judgement an item, in order, whatever the other items are; an error is an abstention."""


class Redactor(Protocol):
    """Finds what must not leave in a text, besides what the built-in recognisers find (docs/export.md)."""

    def find(self, text: str) -> Iterable[tuple[int, int, str]]:
        """Start, end and kind, such as `PERSON`, of each piece of `text` that has to be replaced."""
        ...


@runtime_checkable
class MetricSink(Protocol):
    """Where numbers go besides the corpus."""

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Record the metrics of one round."""
