"""`run` against a real endpoint on the loopback interface: away, broken, mended; counts that add up throughout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import SETTINGS, refused, synthdata
from test_generation import endpoint

from synthdata.errors import EndpointError
from synthdata.generation.scripted import ScriptedGenerator
from synthdata.operations.round import refuse_unusable
from synthdata.protocols import Message, Request
from synthdata.records import GeneratorStamp, Lesson, QuarantinedRow, Reflection
from synthdata.settings import Settings

SAMPLE = Path(__file__).parent.parent / "data" / "sample"


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    made = synthdata("init", tmp_path / "c", "--reference", SAMPLE, "--config", tmp_path / "settings.toml")
    assert made.returncode == 0, made.stderr
    yield tmp_path / "c"


def run(corpus: Path, url: str, *options: str) -> Any:
    common = ("--trajectories", SAMPLE, "--generator", url, "--model", "m", "--plain", "--json")
    return synthdata("run", corpus, *common, *options)


def scripted_answer(body: dict[str, Any]) -> str:
    messages = tuple(Message(m["role"], m["content"]) for m in body["messages"])
    schema = json.dumps(body["response_format"]["json_schema"]["schema"])
    return completion(ScriptedGenerator().generate([Request(messages, schema=schema)])[0].text)


def completion(text: str) -> str:
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


def test_an_endpoint_that_is_away_ends_the_run_and_changes_nothing(corpus: Path) -> None:
    before = synthdata("verify", corpus, "--digest").stdout
    refused(run(corpus, "http://127.0.0.1:9/v1", "--limit", "3"), "127.0.0.1:9")
    assert synthdata("verify", corpus, "--digest").stdout == before


@pytest.mark.parametrize(("broken", "whole", "stops"), [(1, 0, True), (3, 2, True), (2, 2, False), (0, 0, False)])
def test_a_round_stops_where_over_half_of_the_answers_cannot_be_used(broken: int, whole: int, stops: bool) -> None:
    settings = Settings().with_value("runtime.endpoint", "http://me:hidden@127.0.0.1:9/v1")
    rows = [QuarantinedRow("log", 0, "not JSON", "<html>", "reflect", "run")] * broken
    review = Reflection("run", "task", None, "model", "other", "", Lesson("x"), GeneratorStamp("m", "0" * 64))
    reviews = [*rows, *[review] * whole]
    if not stops:
        refuse_unusable(reviews, settings)
        return
    with pytest.raises(EndpointError, match=rf"{broken} of {broken + whole} answers.*not JSON.*<html>") as told:
        refuse_unusable(reviews, settings)
    assert "hidden" not in str(told.value)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_endpoint_that_answers_rubbish_stops_the_round_and_uses_no_run_up(corpus: Path) -> None:
    before = synthdata("verify", corpus, "--digest").stdout
    rubbish = [
        (200, {}, completion('{"steps": [')),
        (307, {"Location": "http://127.0.0.1:9/v1"}, ""),
    ]
    for answer in rubbish:
        with endpoint(lambda number, body, answer=answer: answer) as (url, _):
            refused(run(corpus, url, "--limit", "3"), "answers of m cannot be used", "no run is used up")
    assert synthdata("verify", corpus, "--digest").stdout == before


@pytest.mark.slow
def test_what_was_unusable_is_asked_once_more_by_the_next_round_and_again_on_request(corpus: Path) -> None:
    broken = True
    anyway = ("--limit", "40", "--set", "runtime.unusable_share=1")

    def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], str]:
        return 200, {}, completion('{"steps": [') if broken else scripted_answer(body)

    with endpoint(reply) as (url, seen):
        first = run(corpus, url, *anyway)
        assert first.returncode == 0, first.stderr
        assert json.loads(first.stdout)["counts"] == {"admit": 0, "reject": 0, "quarantine": 80}
        asked = len(seen.bodies)
        assert asked == 160  # each of two reviews a run had its one repair turn
        assert run(corpus, url, *anyway).returncode == 0
        assert len(seen.bodies) == 2 * asked

        broken = False
        plain = run(corpus, url, "--limit", "90")
        assert plain.returncode == 0, plain.stderr
        # The next ninety runs: what was asked about twice is not asked about again unless asked for.
        assert sum(json.loads(plain.stdout)["counts"].values()) >= 90
        again = run(corpus, url, "--limit", "40", "--retry-quarantined")
        assert again.returncode == 0, again.stderr
        assert len(seen.bodies) > 2 * asked + 40
    facts = json.loads(synthdata("status", corpus, "--json").stdout)
    assert facts["experience"] == 130
    assert facts["quarantined"] == 80  # the record of what was unusable stays
    assert facts["admitted"] > 0
    assert facts["candidates"] == facts["admitted"] + sum(facts["rejected"].values()) + facts["quarantined"]
    assert synthdata("verify", corpus).returncode == 0
