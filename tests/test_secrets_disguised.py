"""Keys that a log splits, colours, escapes, encodes, glues to a word or keeps where no text is: none leaves."""

from __future__ import annotations

import base64
import json
import random
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthdata.records import Observation, Step, ToolCall, Trajectory
from synthdata.text.redaction import Pseudonyms, redact_row, redacted, redacted_json, run_labels, run_texts
from synthdata.text.secrets import secret_spans

_LETTERS = string.ascii_letters + string.digits
KEY = "sk-" + "ant-api03-" + "".join(random.Random(7).choices(_LETTERS, k=93)) + "AA"
HALVES = (KEY[:40], KEY[40:])
GLUED = "lsv2_" + "pt_" + "0123456789abcdef" * 2 + "_0123456789"
HEX = "7503cf4672909d8ab1e739a8c1e76d5337ce08fb"

LINES = {
    "two literals": 'key = "{0}" + "{1}"',
    "literals a line each": 'key = ("{0}"\n       "{1}")',
    "a continued line": 'echo "{0}\\\n{1}"',
    "escaped literals": '{{"code": "k = \\"{0}\\" + \\"{1}\\""}}',
    "an unseen character": "key {0}\u200b{1} was used",
    "an escaped unseen character": '"key {0}\\u200b{1}"',
    "colours": "\x1b[1mKEY\x1b[0m=\x1b[32m{0}\x1b[1m{1}\x1b[0m",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_both_halves_of_a_key_go_and_the_words_around_it_stay(line):
    for text in (line.format(*HALVES), json.dumps({"out": line.format(*HALVES)})):
        shown = redacted(text)
        assert not any(half in shown for half in HALVES) and "[SECRET" in shown
        assert shown[:3] == text[:3]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (KEY.replace("-", "\\u002d"), KEY[14:60]),
        (KEY.replace("-", "%2D"), KEY[14:60]),
        (f"decoded from {base64.b64encode(KEY.encode()).decode()}", base64.b64encode(KEY.encode()).decode()[8:60]),
        (f"run-7{GLUED}", GLUED[8:]),
        ("https://api.telegram.org/bot1234567890:AA" + "x9" * 17 + "/getMe", "x9" * 17),
        (f"wandb login {HEX}", HEX),
        ("Password for admin: p3dGuuWxN5vY", "p3dGuuWxN5vY"),
        (json.dumps({"y": 'MYSQL_ROOT_PASSWORD: "correct-horse-77"'}), "correct-horse-77"),
    ],
)
def test_an_escaped_encoded_or_glued_key_goes(text, secret):
    assert secret in text and secret not in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        'say("one") + say("two")', "Password for admin: changed", 'parts = "a" + "b"', "wandb login --help",
        base64.b64encode(b"The pier is old and the horn is loud, but nobody minds.").decode(),
        "process-0123456789abcdef0123456789abcdef ended", 'he said "no" and "yes"', r"C:\x64\tools\u0041bc",
    ],
)  # fmt: skip
def test_what_only_looks_disguised_stays(text):
    assert redacted(text) == text


@given(st.text(alphabet="ab\"'+\\\n \t\x1b[1m\u200b%2Dxu005f", max_size=80))
def test_spans_lie_in_the_text_whatever_is_taken_off(noise):
    text = f"{noise} {KEY} {noise}"
    spans = secret_spans(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert KEY[:60] not in redacted(text)


def test_names_ids_definitions_and_keys_of_objects_hold_none():
    call = ToolCall(f"t_{KEY}", json.dumps({KEY: 1}), f"c-{KEY}")
    tools = json.dumps([{"name": "t", "parameters": {"properties": {KEY: {}}}}])
    steps = (Step(0, "user", "Go."), Step(1, "agent", "I go.", name=f"bot {KEY}", tool_calls=(call,)))
    steps = (steps[0], replace(steps[1], observations=(Observation("ok", f"c-{KEY}"),)))
    run = Trajectory("Go.", steps, tools=tools)
    known = Pseudonyms.of(run_texts(run), (), run_labels(run))
    row = {"name": f"bot {KEY}", "calls": [{"id": f"c-{KEY}", "arguments": {KEY: 1}}], "tools": json.loads(tools)}
    shown, counts = redact_row(row, known)
    assert KEY not in json.dumps(shown) and counts["SECRET"] >= 2
    assert KEY not in json.dumps(redacted_json(row))
    # A number that is an id is nobody's telephone.
    numbered = Step(0, "agent", tool_calls=(ToolCall("t", "{}", "call_4155550123456789"),))
    plain = Trajectory("Go.", (numbered,))
    assert Pseudonyms.of(["Go."], (), run_labels(plain)).placeholders == {}
