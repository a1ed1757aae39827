"""A player behind an endpoint: tools go out as tool calls, answers are acted through the guard, nothing is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_generation import endpoint

from synthdata.errors import EndpointError
from synthdata.settings import RuntimeSettings
from synthdata.worlds.endpoint import EndpointPlayer
from synthdata.worlds.environment import Action
from synthdata.worlds.episode import Recovery, play
from synthdata.worlds.guard import Guard
from synthdata.worlds.make import PLAIN, make, shipped_policy

ATTENDED = Guard(shipped_policy("tools"), lambda action: True)


def answer(action: Action | None, content: str = "") -> str:
    calls = (
        [{"id": "c", "type": "function", "function": {"name": action.name, "arguments": action.arguments}}]
        if action
        else []
    )
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    return json.dumps({"choices": [{"message": message}], "usage": {"prompt_tokens": 100, "completion_tokens": 10}})


def player(url: str, tools: Any, **runtime: Any) -> EndpointPlayer:
    return EndpointPlayer("m", RuntimeSettings(endpoint=url, **runtime), tools, sleep=lambda seconds: None)


@pytest.mark.parametrize("seed", [0, 7, 11])
def test_a_server_that_knows_the_plan_wins_and_is_sent_what_a_model_needs(seed):
    world = make({**PLAIN["tools"], "busy": 0.0})
    world.reset(seed)
    plan = world.plan()
    assert plan
    with endpoint(lambda number, body: (200, {}, answer(plan[number]))) as (url, seen):
        prices = {"price_prompt_per_million": 2.0, "price_completion_per_million": 10.0}
        episode = play(world, player(url, world.tools, **prices), ATTENDED, Recovery())
    assert episode.score == 1 and episode.ended == "over" and [done.action for done in episode.done] == list(plan)
    assert episode.spent.tokens == 110 * len(plan)
    assert episode.spent.spend == pytest.approx(len(plan) * (100 * 2 + 10 * 10) / 1e6)
    first, last = seen.bodies[0], seen.bodies[-1]
    assert first["tools"] == list(world.tools) and first["tool_choice"] == "required" and first["temperature"] == 0
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert world.rules in first["messages"][0]["content"] and world.task in first["messages"][1]["content"]
    # What came back goes back as the answer of its own call, never as an instruction.
    pairs = list(zip(last["messages"][2::2], last["messages"][3::2], strict=True))
    assert [call["tool_calls"][0]["id"] for call, _ in pairs] == [told["tool_call_id"] for _, told in pairs]
    assert {told["role"] for _, told in pairs} == {"tool"}
    assert [told["content"] for _, told in pairs] == [done.answer.seen.text for done in episode.done[:-1]]


def test_what_the_policy_forbids_is_refused_whoever_asks():
    world = make(PLAIN["tools"])
    world.reset(3)
    rows = list(world.rows())
    orders = [
        Action.of("delete_everything"),
        Action.of("refund", order_id="1", amount=10**9),
        Action("refund", "not json"),
    ]
    with endpoint(lambda number, body: (200, {}, answer(orders[number % 3]))) as (url, _):
        episode = play(world, player(url, world.tools), Guard(shipped_policy("tools")), Recovery())
    assert episode.ended == "gave_up" and all(done.refusal for done in episode.done)
    assert list(world.rows()) == rows


def test_an_answer_without_a_call_gives_up_with_its_words():
    world = make(PLAIN["tools"])
    world.reset(1)
    with endpoint(lambda number, body: (200, {}, answer(None, "I would rather not."))) as (url, _):
        episode = play(world, player(url, world.tools), ATTENDED, Recovery())
    assert episode.ended == "gave_up" and "I would rather not." in episode.reason


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((200, {}, "<html>hello</html>"), "not JSON"),
        ((200, {}, '{"error": "overloaded"}'), "not a chat completion"),
        ((200, {}, '{"choices": []}'), "not a chat completion"),
        ((200, {}, '{"choices": [{"message": {}}], "usage": {"prompt_tokens": 1e999}}'), "not a chat completion"),
        ((401, {}, '{"error": "bad key hunter2secret"}'), "status 401"),
        ((307, {"Location": "http://127.0.0.1:9/elsewhere"}, ""), "status 307"),
        ((503, {}, "busy"), "status 503"),
    ],
)
def test_a_broken_endpoint_is_one_sentence_without_key_or_login(monkeypatch, reply, said):
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2secret")
    world = make(PLAIN["tools"])
    world.reset(1)
    with endpoint(lambda number, body: reply) as (url, seen), pytest.raises(EndpointError, match=said) as error:
        address = url.replace("http://", "http://me:passw0rd@")
        play(world, player(address, world.tools, retries=2), ATTENDED, Recovery())
    assert "hunter2secret" not in str(error.value) and "passw0rd" not in str(error.value)
    assert len(seen.bodies) == (3 if reply[0] == 503 else 1)
