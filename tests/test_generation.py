"""Generators against a real local endpoint, the scripted one, and the response cache with its kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.errors import EndpointError, InputError
from synthdata.generation.cache import CachedGenerator, count_equal_samples
from synthdata.generation.openai_http import OpenAIGenerator
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.protocols import Message, Request, Response
from synthdata.records import canonical_json, content_hash
from synthdata.settings import RuntimeSettings

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"step": {"enum": [3, 5]}, "label": {"type": "string", "minLength": 1}},
        "required": ["step", "label"],
        "additionalProperties": False,
    }
)
Answer = tuple[int, dict[str, str], str]


def ask(text: str = "hello", **changes: Any) -> Request:
    return replace(Request((Message("user", text),)), **changes)


def completion(text: str) -> str:
    usage = {"prompt_tokens": 10, "completion_tokens": 4}
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": usage})


class Endpoint:
    """What the server saw: bodies, headers, and how many requests were open at most."""

    def __init__(self, reply: Callable[[int, dict[str, Any]], Answer]) -> None:
        self.reply = reply
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.open = self.most = 0
        self.lock = threading.Lock()


@contextmanager
def endpoint(reply: Callable[[int, dict[str, Any]], Answer]) -> Iterator[tuple[str, Endpoint]]:
    seen = Endpoint(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with seen.lock:
                number = len(seen.bodies)
                seen.bodies.append(body)
                seen.keys.append(self.headers.get("Authorization"))
                seen.open += 1
                seen.most = max(seen.most, seen.open)
            status, headers, text = seen.reply(number, body)
            with seen.lock:
                seen.open -= 1
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests read `seen`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def generator(url: str, waits: list[float] | None = None, **runtime: Any) -> OpenAIGenerator:
    async def sleep(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    return OpenAIGenerator("m", RuntimeSettings(endpoint=url, **runtime), sleep=sleep)


def test_counts_tokens_and_cost() -> None:
    with endpoint(lambda n, body: (200, {}, completion("fine"))) as (url, _):
        model = generator(url, price_prompt_per_million=100.0, price_completion_per_million=1000.0)
        answers = model.generate([ask(f"q{i}") for i in range(3)])
    assert [a.text for a in answers] == ["fine"] * 3
    assert (model.calls, model.prompt_tokens, model.completion_tokens) == (3, 30, 12)
    assert model.cost == pytest.approx(3 * (10 * 100 + 4 * 1000) / 1e6)


def test_retries_wait_as_long_as_the_endpoint_asks() -> None:
    dates = [{"Retry-After": "7"}, {"Retry-After": formatdate(time.time() + 30, usegmt=True)}]

    def reply(n: int, body: dict[str, Any]) -> Answer:
        return (429, dates[n], "") if n < 2 else (200, {}, completion("at last"))

    waits: list[float] = []
    with endpoint(reply) as (url, _):
        # The first answer shows that the endpoint is there, so that later refusals are worth waiting for.
        assert generator(url, waits).generate([ask()])[0].text == "at last"
    assert 7 <= waits[0] < 8
    assert 25 <= waits[1] < 32


def test_concurrency_stays_under_its_limit_and_halves_on_429() -> None:
    refused = threading.Event()

    def reply(n: int, body: dict[str, Any]) -> Answer:
        time.sleep(0.02)
        if n == 8:
            refused.set()
            return 429, {"Retry-After": "0"}, ""
        return 200, {}, completion(str(n))

    with endpoint(reply) as (url, seen):
        answers = generator(url, concurrency=8).generate([ask(f"q{i}") for i in range(40)])
    assert refused.is_set()
    assert all(not a.error for a in answers)
    assert seen.most <= 8


def test_limit_halves_once_an_epoch_and_recovers() -> None:
    from synthdata.generation.limits import AdaptiveLimit

    limit = AdaptiveLimit(8)
    limit.refused(0)
    limit.refused(0)
    assert limit.limit == 4
    for _ in range(4 + 5 + 6 + 7):
        limit.succeeded()
    assert limit.limit == 8


def test_broken_json_is_repaired_once_else_an_error() -> None:
    good = json.dumps({"step": 3, "label": "x"})

    def reply(n: int, body: dict[str, Any]) -> Answer:
        repairing = len(body["messages"]) == 3
        stubborn = "stubborn" in body["messages"][0]["content"]
        return 200, {}, completion(good if repairing and not stubborn else '{"step": 4}')

    with endpoint(reply) as (url, seen):
        mended, broken = generator(url).generate([ask(schema=SCHEMA), ask("stubborn", schema=SCHEMA)])
    assert json.loads(mended.text) == {"step": 3, "label": "x"}
    assert mended.prompt_tokens == 20
    assert "does not fit the schema" in broken.error
    assert len(seen.bodies) == 4
    assert seen.bodies[0]["response_format"]["json_schema"]["strict"] is True


def test_server_errors_end_as_an_error_not_an_exception() -> None:
    with endpoint(lambda n, body: (503, {}, "") if n else (200, {}, completion("one"))) as (url, _):
        model = generator(url, retries=2, concurrency=1)
        answers = model.generate([ask("a"), ask("b")])
    assert answers[0].text == "one"
    assert "gave up" in answers[1].error


@pytest.mark.parametrize("text", ["", "[]", '{"choices": []}', "<html>"])
def test_what_is_no_completion_is_an_error(text: str) -> None:
    with endpoint(lambda n, body: (200, {}, text)) as (url, _):
        assert "not a chat completion" in generator(url).generate([ask()])[0].error


@pytest.mark.parametrize(
    "field",
    [
        '"usage": {"prompt_tokens": 1e999}', '"usage": {"completion_tokens": -4}',
        f'"usage": {{"prompt_tokens": 1{"0" * 400}}}',
        f'"choices": [{{"message": {{"content": "x"}}, "logprobs": {{"content": [{{"logprob": 1{"0" * 400}}}]}}}}]',
    ],
)  # fmt: skip
def test_numbers_that_no_answer_has_make_an_error_and_cost_nothing(field: str) -> None:
    with endpoint(lambda n, body: (200, {}, completion("fine")[:-1] + f", {field}}}")) as (url, _):
        model = generator(url, price_prompt_per_million=1.0)
        assert "not a chat completion" in model.generate([ask()])[0].error
    assert (model.calls, model.prompt_tokens, model.completion_tokens, model.cost) == (0, 0, 0, 0.0)


def test_an_answer_whose_compression_is_damaged_is_an_error() -> None:
    with endpoint(lambda n, body: (200, {"Content-Encoding": "gzip"} if not n else {}, completion("b"))) as (url, _):
        answers = generator(url, concurrency=1).generate([ask("a"), ask("b")])
    assert "compressed and damaged" in answers[0].error and answers[1].text == "b"


def test_unreachable_endpoint_names_the_url() -> None:
    with pytest.raises(EndpointError, match=r"127\.0\.0\.1:9/v1.*cannot be reached"):
        generator("http://127.0.0.1:9/v1").generate([ask()])


def test_key_is_sent_but_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with endpoint(lambda n, body: (401, {}, "no")) as (url, seen):
        model = generator(url, api_key_env="MY_KEY")
        with pytest.raises(EndpointError) as caught:
            model.generate([ask()])
    assert seen.keys == ["Bearer sk-very-secret"]
    assert "MY_KEY" in str(caught.value)
    assert "sk-very-secret" not in f"{caught.value!r} {vars(model)} {model!r}"


def test_scripted_instances_fit_the_schema_and_differ_by_sample() -> None:
    answers = ScriptedGenerator().generate([ask("see the red door", schema=SCHEMA, sample_index=i) for i in range(20)])
    for answer in answers:
        jsonschema.validate(json.loads(answer.text), json.loads(SCHEMA))
    assert len({answer.text for answer in answers}) > 16


def test_samples_of_one_prompt_that_are_all_equal_are_counted(tmp_path: Any) -> None:
    class Stuck:
        model = "stuck"

        def generate(self, requests: Sequence[Request]) -> list[Response]:
            return [Response(text=request.messages[-1].content[:3], model=self.model) for request in requests]

    samples = [ask(prompt, sample_index=i) for prompt in ("one", "two") for i in range(3)]
    cache = CachedGenerator(Stuck(), tmp_path)
    cache.generate(samples)
    cache.generate([ask("alone")])
    assert cache.equal_samples == 2
    assert count_equal_samples(samples, ScriptedGenerator().generate(samples)) == 0
    cold = [replace(sample, temperature=0.0) for sample in samples]
    assert count_equal_samples(cold, Stuck().generate(cold)) == 0


def test_answers_that_came_before_a_crash_are_kept(tmp_path: Any) -> None:
    def reply(request: Request) -> str:
        if request.messages[-1].content == "seven":
            raise EndpointError("gone")
        return request.messages[-1].content

    asked = [ask(word) for word in "one two three four five six seven eight".split()]
    inner = ScriptedGenerator(reply)
    cache = CachedGenerator(inner, tmp_path, group=100)
    inner.answered = cache.answered
    with pytest.raises(EndpointError):
        cache.generate(asked)
    assert [cache.lookup(request) is not None for request in asked] == [True] * 6 + [False] * 2


def test_cache_asks_once_and_keeps_no_error(tmp_path: Any) -> None:
    asked: list[str] = []

    class Counting:
        model = "counting"

        def generate(self, requests: Any) -> list[Response]:
            asked.extend(r.messages[0].content for r in requests)
            return [
                Response(r.messages[0].content, "m", error="no" if "bad" in r.messages[0].content else "")
                for r in requests
            ]

    cache = CachedGenerator(Counting(), tmp_path)
    requests = [ask("a"), ask("bad"), ask("a")]
    assert [r.text for r in cache.generate(requests)] == ["a", "bad", "a"]
    again = cache.generate(requests)
    assert [r.cached for r in again] == [True, False, True]
    assert asked == ["a", "bad", "bad"]
    cache.reject(ask("a"))
    cache.generate([ask("a")])
    assert asked[-1] == "a"


def test_corrupt_entry_is_a_miss(tmp_path: Any) -> None:
    cache = CachedGenerator(ScriptedGenerator(), tmp_path)
    cache.generate([ask()])
    entry = next(tmp_path.rglob("*.json"))
    entry.write_text('{"response": {"text": "hal')
    assert cache.lookup(ask()) is None


@given(st.integers(0, 5), st.floats(0, 2), st.text(max_size=20), st.booleans())
def test_every_field_is_part_of_the_key(sample: int, temperature: float, text: str, raw: bool) -> None:
    cache = CachedGenerator(ScriptedGenerator(), "unused")
    base = ask(text, sample_index=sample, temperature=temperature, raw=raw)
    changed = {
        "sample_index": sample + 1,
        "temperature": temperature + 1,
        "raw": not raw,
        "schema": "{}",
        "stop": (".",),
        "choices": ("a", "b"),
    }
    changed |= {
        "top_p": 0.5,
        "min_p": 0.5,
        "max_tokens": 7,
        "logprobs": True,
        "messages": (Message("user", text + "x"),),
    }
    assert set(changed) == {f.name for f in fields(Request)}
    keys = {cache.key(replace(base, **{name: value})) for name, value in changed.items()}
    assert len(keys | {cache.key(base)}) == len(changed) + 1


def test_a_request_without_choices_keeps_the_key_that_it_had_before_there_were_any() -> None:
    cache = CachedGenerator(ScriptedGenerator(), "unused")
    old = {name: value for name, value in asdict(ask()).items() if name != "choices"}
    assert cache.key(ask()) == content_hash(canonical_json(old), "scripted", length=40)


def test_an_answer_outside_the_choices_is_an_error_and_one_of_them_is_none() -> None:
    with endpoint(lambda n, body: (200, {}, completion("a"))) as (url, _):
        inside, outside = generator(url).generate([ask(choices=("a", "b")), ask(choices=("b", "c"))])
    assert inside.text == "a" and not inside.error
    assert "none of the 2 choices" in outside.error
    assert ScriptedGenerator().generate([ask(choices=("b", "c"))])[0].text in ("b", "c")


KILLED = """
import sys
from synthdata.generation.cache import CachedGenerator
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.protocols import Message, Request
cache = CachedGenerator(ScriptedGenerator(), sys.argv[1])
print("ready", flush=True)
i = 0
while True:
    cache.generate([Request((Message("user", f"question {i}"),))])
    i += 1
"""


def test_killed_writer_leaves_only_whole_entries(tmp_path: Any) -> None:
    for wait in (0.01, 0.05, 0.1):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    entries = list(tmp_path.rglob("*.json"))
    assert entries
    for entry in entries:
        assert json.loads(entry.read_text())["response"]["text"]


@pytest.mark.slow
def test_embedded_model_for_real() -> None:
    from synthdata.generation.embedded import EmbeddedGenerator
    from synthdata.generation.weights import locate

    try:
        locate()
    except InputError as missing:
        pytest.skip(str(missing))
    model = EmbeddedGenerator()
    raw = ask("The capital of France is", raw=True, temperature=0.7, max_tokens=12, logprobs=True)
    first = model.generate([replace(raw, sample_index=i) for i in range(4)])
    assert model.generate([raw])[0].text == first[0].text
    assert all(a.mean_nll is not None and 0 < a.mean_nll < 6 for a in first)
    assert len({answer.text for answer in first}) > 2
    shaped = model.generate([ask("Pick a step and label it.", schema=SCHEMA, max_tokens=60)])[0]
    jsonschema.validate(json.loads(shaped.text), json.loads(SCHEMA))
    held = model.generate(
        [ask("The capital of France is", raw=True, choices=(" Paris.", ' "X" \\ é.'), max_tokens=20)]
    )[0]
    assert held.text == " Paris." and not held.error
    losses = model.nll("The capital of France is", [" Paris", " purple", " Paris."])
    assert losses[0] < losses[1]
    # Without a prompt a text begins a document; whole characters are scored, pieces and end marks are read over.
    beginning, again = model.nll("", ["The agent failed.", "The agent failed."])
    assert beginning == again < model.nll("", ["Failed agent the."])[0]
    assert all(
        0 < loss < 25 for loss in model.nll("", ["a cat <|im_end|> sat", "漢字 and 🤖 end", "half \x00 \ud800 one"])
    )
    assert model.nll("", ["🤖", ""]) == [0, 0]


def test_what_an_endpoint_says_of_the_key_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    with endpoint(lambda n, body: (400, {}, "bad key sk-very-secret")) as (url, _):
        answer = generator(url, api_key_env="MY_KEY").generate([ask()])[0]
    assert "[key]" in answer.error
    assert "sk-very-secret" not in answer.error


def test_one_huge_answer_does_not_cost_the_others() -> None:
    huge = "x" * (9 << 20)
    with endpoint(lambda n, body: (200, {}, huge if "huge" in str(body) else completion("fine"))) as (url, _):
        answers = generator(url).generate([ask("a"), ask("huge"), ask("b")])
    assert [a.text for a in answers] == ["fine", "", "fine"]
    assert "over 8 MB" in answers[1].error


def test_threads_share_one_concurrency_limit() -> None:
    def reply(n: int, body: dict[str, Any]) -> Answer:
        time.sleep(0.02)
        return 200, {}, completion("x")

    with endpoint(reply) as (url, seen):
        model = generator(url, concurrency=3)
        threads = [
            threading.Thread(target=model.generate, args=([ask(f"{t} {i}") for i in range(8)],)) for t in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen.most <= 3
