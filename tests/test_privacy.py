"""Personal data: found by its field, its form or its phrase, replaced alike through a run, counted, kept on request."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_texts import lessons
from typer.testing import CliRunner

from synthdata.api import Corpus
from synthdata.cli import app
from synthdata.gate.reference import ReferenceRow
from synthdata.records import Candidate, Observation, Origin, Step, Trajectory
from synthdata.rounds.steps import read_runs
from synthdata.settings import Settings
from synthdata.text.redaction import Pseudonyms, redact_row, run_texts

PROFILE = (
    '{"name": {"first_name": "Mia", "last_name": "Li"}, "address": {"address1": "975 Sunset Drive", "city": "Austin", '
    '"zip": "78750"}, "email": "mia.li3818@example.com", "dob": "1990-04-05", "user_id": "mia_li_3668", '
    '"payment_methods": {"credit_card_4421486": {"last_four": "7447"}}}'
)
TALK = (
    "My user id is mia_li_3668. Thank you, Mia. Mia Li was born on April 5, 1990 and lives at 975 Sunset Drive in "
    "Austin. Use the 7447 card or credit_card_4421486, write to mia.li3818@example.com, ship to 78750."
)


def test_values_of_fields_are_replaced_wherever_they_stand_and_the_sense_stays():
    text, counts = Pseudonyms.of([PROFILE, TALK]).redact(TALK)
    assert text == (
        "My user id is [USER_ID_1]. Thank you, [NAME_1]. [NAME_1] [NAME_2] was born on [BIRTH_DATE_2] and lives at "
        "[ADDRESS_1] in Austin. Use the [ID_NUMBER_2] card or [ID_NUMBER_1], write to [EMAIL_1], ship to [ADDRESS_2]."
    )
    assert counts == {"USER_ID": 1, "NAME": 3, "BIRTH_DATE": 1, "ADDRESS": 2, "ID_NUMBER": 2, "EMAIL": 1}


def test_a_row_that_shows_only_part_of_the_run_gets_the_same_placeholders():
    run = Pseudonyms.of([PROFILE, TALK])
    row = {"messages": [{"role": "user", "content": "Mia asks for a refund."}], "labels": [True, 1.5, None]}
    redacted, counts = redact_row(row, run)
    assert redacted == {
        "messages": [{"role": "user", "content": "[NAME_1] asks for a refund."}],
        "labels": [True, 1.5, None],
    }
    assert counts == {"NAME": 1}
    assert redact_row(redacted, run) == (redacted, Counter())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Call +49 30 901820 or", "PHONE"),
        ("Call (650) 253-0000 now", "PHONE"),
        ("card 4111 1111 1111 1111 is", "ID_NUMBER"),
        ("card 4111 1111 1111 1112 is", None),
        ("pay DE89 3704 0044 0532 0130 00 to", "ID_NUMBER"),
        ("SSN 536-90-4399 given", "ID_NUMBER"),
        ("SSN 000-12-3456 given", None),
        ("My name is Jane Roe and", "NAME"),
        ("write to jane.roe+x@mail.example.org,", "EMAIL"),
        ("{'first_name': 'Jane', 'x': 1}", "NAME"),
        (r"{\"phone\": \"555 1234\"}", "PHONE"),
        ('"email": "jane.roe …', "EMAIL"),
        ("from 2024-05-20 at 15:00:00 flight HAT136 for 152 dollars, order #W4923227, 1234567890", None),
        ("git@github.com:owner/repo.git at commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b line 123-456", None),
        ("print(f'{name}: {value}') # name = 'tool', user = root, id=42", None),
        ("192.168.0.12:8080 - - [10/Oct/2000:13:55:36] 200 2326", None),
        ("203.0.113.7 - - [10/Oct/2000:13:55:36] 200 2326", "IP"),
        ("from 2001:db8:85a3::8a2e:370:7334 port 22", "IP"),
        ("Chrome/120.0.6099.109, v3.141.59.26, numpy==1.26.4.0, 127.0.0.1, ::1, fe80::1, at 12:30:45", None),
        ("my number is 4155550132, thanks", "PHONE"),
        ("ring 020 7946 0958 after six", "PHONE"),
        ("07700 900123", "PHONE"),
        ("Tel. 030 901820 in Berlin", "PHONE"),
        ("mobil 0151 23456789", "PHONE"),
        ("order 4155550132, epoch 1700000000, 00012345678, 0.123456789, 2024 0607", None),
        ("write to m\u00fcller@b\u00fccher.example today", "EMAIL"),
        ("info@xn--bcher-kva.example", "EMAIL"),
        ("Dear Hiring Manager, I am interested", None),
    ],
)
def test_forms(text: str, kind: str | None):
    found = {mark[1:-1].rpartition("_")[0] for mark in Pseudonyms.of([text]).placeholders.values()}
    assert found == ({kind} if kind else set())


def test_a_name_that_is_a_word_counts_beside_another_name_only():
    text = '{"first_name": "Will", "last_name": "Rose"} Will Rose will come. Will it rain? A rose.'
    assert Pseudonyms.of([text]).redact("Will Rose will come. Will it rain?")[0] == "[NAME_1] will come. Will it rain?"


@pytest.mark.parametrize(
    "secret",
    [
        "gh" + "p_" + "a1B2" * 9,
        "AK" + "IA" + "ABCDEFGH12345678",
        "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIBOgIBAAJBAK\n-----END RSA PRIVATE KEY-----",
    ],
    ids=["token", "aws", "key"],
)
def test_credentials_are_replaced(secret: str):
    text, counts = Pseudonyms.of([f"token {secret} used"]).redact(f"token {secret} used")
    assert (text, counts) == ("token [SECRET_1] used", {"SECRET": 1})


def test_of_an_address_with_a_password_only_the_password_goes():
    url = "https://deploy:" + "hunter2secret@internal.example/repo.git"
    assert Pseudonyms.of([url]).redact(url)[0] == "https://deploy:[SECRET_1]@internal.example/repo.git"


@given(st.lists(st.text(max_size=80), max_size=4))
@settings(max_examples=60)
def test_any_text_is_redacted_to_something_that_holds_no_value(texts):
    pseudonyms = Pseudonyms.of(texts)
    for text in texts:
        redacted, counts = pseudonyms.redact(text)
        assert (redacted == text) == (not counts)


def run_of(number: int) -> Trajectory:
    steps = (Step(0, "user", TALK), Step(1, "agent", "get_user_details", observations=(Observation(PROFILE),)))
    return Trajectory(task=f"help customer {number}", steps=steps, origin=Origin.REAL)


def test_an_export_redacts_counts_and_keeps_on_request(tmp_path: Path):
    hashing = Settings.from_dict({"recipe": {"encoder": {"backend": "hashing", "dim": 64}}})
    rows = [ReferenceRow(text, f"about {i}", f"t{i}") for i, text in enumerate(lessons(200, 1))]
    corpus = Corpus.init(tmp_path / "c", rows, settings=hashing)
    texts = lessons(40, 2)
    corpus.admit([Candidate(f"{text} Ask mia.li{i}@example.com.", f"about {i}") for i, text in enumerate(texts)])
    with corpus.store.writing():
        corpus.store.add_experience([run_of(1)])
    for args, name in (([], "Mia"), (["--keep-personal-data"], "")):
        out = tmp_path / f"out{len(args)}"
        done = CliRunner().invoke(app, ["export", str(tmp_path / "c"), str(out), *args])
        assert done.exit_code == 0, done.output
        manifest, told = (
            json.loads((out / "manifest.json").read_text()),
            (out / "jsonl" / "messages.train.jsonl").read_text(),
        )
        assert ("@example.com" in told) == (not name)
        assert set(manifest["redacted"]) == ({"EMAIL"} if name else set())
        assert ("Personal data replaced: EMAIL" in (out / "README.md").read_text()) == bool(name)


def test_rows_of_one_run_share_its_placeholders():
    texts = run_texts(run_of(1))
    assert [Pseudonyms.of(texts).redact(part)[0] for part in ("Mia", "born 1990-04-05")] == [
        "[NAME_1]",
        "born [BIRTH_DATE_2]",
    ]


FIELDS = "first_name last_name email dob address1 address2 zip user_id payment_id last_four".split()


def known_values(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {v for k, v in value.items() if k in FIELDS and isinstance(v, str) and v}
        return own.union(*(known_values(v) for v in value.values()))
    return set().union(*map(known_values, value)) if isinstance(value, list) else set()


def test_nothing_of_a_tau_bench_profile_is_left_in_its_run_and_little_else_is_taken(shared_data: Path):
    with gzip.open(shared_data / "traj-tau-bench-airline" / "gpt-4o-airline.json.gz", "rt", encoding="utf-8") as file:
        runs = json.load(file)[::8]
    occurrences = left = 0
    for run in runs:
        texts = [message["content"] or "" for message in run["traj"][1:]]
        answers = [
            json.loads(m["content"]) for m in run["traj"] if m["role"] == "tool" and m["content"][:1] in ("{", "[")
        ]
        pseudonyms = Pseudonyms.of(texts)
        for value in known_values(answers):
            pattern = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)")
            occurrences += sum(len(pattern.findall(text)) for text in texts)
            left += sum(len(pattern.findall(pseudonyms.redact(text)[0])) for text in texts)
    assert occurrences > 500
    assert left == 0


def test_false_alarms_on_logs_without_people(shared_data: Path):
    for path in (Path(__file__).parent.parent / "data" / "sample", shared_data / "traj-swe-agent"):
        runs, _ = read_runs(path, Origin.REAL, Settings())
        found = {v: m for run in runs[:80] for v, m in Pseudonyms.of(run_texts(run)).placeholders.items()}
        assert set(found) <= {"sloria1@gmail.com"}
