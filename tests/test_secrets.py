"""Secrets in texts: every family falls, also glued into longer words and escaped; what only looks like one stays."""

from __future__ import annotations

import base64
import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthdata.doctor.planted_secrets import planted_secrets
from synthdata.text.redaction import Pseudonyms, redacted, without_secrets
from synthdata.text.secrets import find_secret, secret_spans

PLANTED = planted_secrets(7)
# A piece of this length of a secret would still help somebody who looks for it.
TELLING = 8


def leaks(secret: str, text: str) -> bool:
    return any(secret[i : i + TELLING] in text for i in range(max(1, len(secret) - TELLING + 1)))


@pytest.mark.parametrize("one", PLANTED, ids=lambda one: one.family)
def test_every_family_is_replaced_and_the_words_around_it_stay(one):
    text = redacted(f"Step 3: {one.line}\nThen the agent went on.")
    assert not leaks(one.secret, text)
    assert text.startswith("Step 3: ")
    assert text.endswith("Then the agent went on.")


@pytest.mark.parametrize("one", PLANTED, ids=lambda one: one.family)
def test_every_family_is_replaced_in_a_document_in_a_document(one):
    once = json.dumps({"output": f"line\n{one.line}", "status": 0})
    twice = json.dumps({"content": once})
    assert not leaks(one.secret.splitlines()[0], redacted(once))
    assert not leaks(one.secret.splitlines()[0], redacted(twice))


@pytest.mark.parametrize("one", [one for one in PLANTED if one.by_form], ids=lambda one: one.family)
def test_a_key_is_known_by_its_form_alone_and_gone_where_it_goes_on(one):
    assert find_secret(one.line) is not None
    if one.family == "Private key":
        return
    names = Pseudonyms.of([one.line])
    assert not leaks(one.secret, names.redact(f"also in x{one.secret}yz and again {one.secret}")[0])


def test_what_is_not_known_by_form_is_no_reason_to_refuse_a_text():
    assert [one.family for one in PLANTED if not one.by_form and find_secret(one.line)] == []


ORDINARY = """
The agent should keep passwords and API keys out of the log, and rotate the token when it leaks.
Password: must be at least eight characters long.
password = getpass("Password: ")
login(user=user, password=password, token=token)
def connect(host: str, password: str | None = None, api_key: str = "") -> None: ...
client = OpenAI(api_key=os.environ["OPENAI_API_KEY"])
export API_KEY=$SECRET_FROM_VAULT
api_key: ${API_KEY}   # set it in the shell
{"password": "string", "token": "<|im_start|>", "max_tokens": 4096, "token_count": 17}
{"type": "object", "properties": {"password": {"type": "string"}}, "required": ["password"]}
token = tokenizer.decode(next_token)
primary_key="user_id", sort_key=lambda row: row["name"], foreign_key=True
key: value, cache_key = "run_2024", keyboard: qwerty, monkey=1
commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b, tree 2c26b46b68ffc68ff99b453c1d30413413422d70
sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
call_9fRzT2kQmW8xLbVn4cYd1aHs toolu_01A09q90qw90lq917835lq9 chatcmpl-9xKz2QmWb8RtLcVn4
req_011CQxWcVtM8nPzKbRj2aYHd msg_01XFDUDYJgAACzvnptvVoYEL session_id: 123e4567-e89b-12d3-a456-426614174000
https://example.org/path?page=2&code=utf8 ssh://git@host.example:22/repo git@github.com:owner/repo.git
postgresql://user:password@localhost/db redis://localhost:6379/0 http://127.0.0.1:8080/a@b
Authorization: Bearer <token>   X-Api-Key: YOUR_API_KEY
curl -u "$USER:$PASS" https://example.org
mysql -u root -p shop < dump.sql
sk-folding-cube sk-learn hf_home=/cache gh_repo AKIA is the prefix of an access key
-----BEGIN CERTIFICATE-----
passport: X1234567, secretary: Jane, compass = north, bypass: true, basic understanding of internationalization
Vault s.string.format and rs.standardize(values), a.b.c.d.e.f, python3.11.7-slim-bookworm
The passphrase is asked for twice. The secret to a good loaf is patience.
""".strip().splitlines()


@pytest.mark.parametrize("line", ORDINARY)
def test_what_only_looks_like_a_secret_stays(line: str):
    assert without_secrets(line) == line


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("password: hunter2!\n", "password: [SECRET]\n"),
        ('{"db_password": "correct-horse"}', '{"db_password": "[SECRET]"}'),
        ("PGPASSWORD=foobar psql", "PGPASSWORD=[SECRET] psql"),
        ("--password swordfish --verbose", "--password [SECRET] --verbose"),
        ("the password is hunter2.", "the password is [SECRET]."),
        ("https://deploy:pass/word1@git.example/r.git", "https://deploy:[SECRET]@git.example/r.git"),
        ("wss://u:abc@h:1/x", "wss://u:[SECRET]@h:1/x"),
        ("jdbc:mysql://h/db?user=a&password=abc123", "jdbc:mysql://h/db?user=a&password=[SECRET]"),
        ("CREATE USER a IDENTIFIED BY 'abc123';", "CREATE USER a IDENTIFIED BY '[SECRET]';"),
        ("echo abc123 | docker login --password-stdin", "echo [SECRET] | docker login --password-stdin"),
        ("sshpass -p abc123 ssh me@host", "sshpass -p [SECRET] ssh me@host"),
        ("DB_PASSWORD=$ecret123!", "DB_PASSWORD=[SECRET]"),
        ("X-Api-Key: 9f86d081884c7d65", "X-Api-Key: [SECRET]"),
        ("SOME_KEY=9f86d081884c7d659a2f", "SOME_KEY=[SECRET]"),
    ],
)
def test_only_the_secret_goes(line: str, left: str):
    assert without_secrets(line) == left


def test_basic_headers_and_docker_files_hide_what_they_encode():
    coded = base64.b64encode(b"admin:s3cret-pass").decode()
    assert coded not in redacted(f"Authorization: Basic {coded}")
    assert coded not in redacted('{"auths": {"x.example": {"auth": "' + coded + '"}}}')


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_redacting_twice_changes_nothing_more(text: str):
    once = redacted(text)
    assert redacted(once) == once


@given(st.sampled_from(PLANTED), st.sampled_from(PLANTED), st.text("ab \n\"'`,;()[]{}<>", max_size=12))
@settings(max_examples=100, deadline=None)
def test_two_secrets_beside_each_other_both_go(first, second, between: str):
    text = without_secrets(f"{first.line}\n{between}\n{second.line}")
    assert not leaks(first.secret, text)
    assert not leaks(second.secret, text)


def test_a_long_run_of_letters_takes_no_long_time():
    """A picture in base64, a minified file, hostile text: time grows with the length, not with its square."""
    import time

    blob = base64.b64encode(random.Random(3).randbytes(150_000)).decode()
    began = time.process_time()
    secret_spans(f"data:image/png;base64,{blob} end")
    for piece in ("x", "key=", "a@", "sk-", "-eyJ", "http://a:", "curl -u ", "password ", '"password": "', "BEGIN "):
        secret_spans(piece * (20_000 // len(piece)))
    assert time.process_time() - began < 5


def test_of_five_thousand_ordinary_rows_next_to_none_is_touched(shared_data: Path):
    rows = []
    for name in ("div-alpaca-eval", "div-self-instruct-seeds", "step-gsm8k", "dup-sick", "text-tinystories-sample"):
        rows += _texts(shared_data / name)[:1000]
    assert len(rows) == 5000
    touched = [row for row in rows if redacted(row) != row]
    assert len(touched) <= 50
    assert sum(without_secrets(row) != row for row in rows) <= 5


def _texts(folder: Path) -> list[str]:
    texts: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                walk(item)

    for path in sorted(folder.rglob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            body = file.read()
        kind = path.name.split(".")[-2]
        for part in [body] if kind == "json" else filter(str.strip, body.splitlines()):
            walk(json.loads(part) if kind in {"json", "jsonl"} else part)
    return texts
