"""What a server, its address, its key and the environment can do wrong ends in one sentence, soon, without secrets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from synthdata.errors import EndpointError
from synthdata.io.http import JsonClient, key_header, retry_after, run_to_end, token_counts, usable_address
from synthdata.settings import RuntimeSettings


@contextmanager
def server(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """A server that reads a request and answers with these pieces, with a pause after each."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        for piece in pieces:
                            connection.sendall(piece)
                            time.sleep(pause)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def client(url: str, seconds: float = 5.0) -> JsonClient:
    return JsonClient(url, RuntimeSettings(timeout_seconds=seconds, retries=1), sleep=lambda _: None)


def answered(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (head, len(body), body)


def test_a_head_that_drips_in_is_not_waited_for_and_one_in_pieces_is() -> None:
    head = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200
    began = time.monotonic()
    dripping = server(*(head[i : i + 1] for i in range(len(head))), pause=0.2)
    with dripping as url, pytest.raises(EndpointError, match=r"no whole answer in 0\.5 s"):
        client(url, 0.5).post({}, "look")
    assert time.monotonic() - began < 20
    whole = answered(b'{"a": 1}')
    with server(whole[:9], whole[9:40], whole[40:], pause=0.05) as url:
        assert client(url).post({}, "look") == {"a": 1}


def test_a_damaged_compression_is_one_sentence() -> None:
    damaged = server(answered(b"no gzip", b"Content-Encoding: gzip\r\n"))
    with damaged as url, pytest.raises(EndpointError, match=r"DecodingError.*look"):
        client(url).post({}, "look")


@pytest.mark.parametrize(
    "address",
    [
        "", "foo", "ftp://host", "http://", "http://[::1", "http://h:99999", "http://h:abc", "http://a..b/v1",
        "http://h\n/v1", "http://\u2603.invalid", f"http://{'a' * 64}.org", "http://u:hunter2@:80",
        "http://h/v1?api_key=hunter2", "http://u:hun/ter2@h:x", "http://u:hunt@er2@h:x", "u:hunter2@h",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_asked_is_refused_and_shows_no_secret(address: str) -> None:
    with pytest.raises(EndpointError, match=r"cannot be asked; .* a host and without a query") as caught:
        usable_address(address)
    assert not any(secret in str(caught.value) for secret in ("hunter2", "ter2", "er2@", "hun/"))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000/v1", "https://u:p@example.org", "http://[::1]:80/", "http://b\u00fccher.de/v1"]
)
def test_usual_addresses_pass(address: str) -> None:
    assert usable_address(address) == address


@pytest.mark.parametrize("key", ["\u043a\u043b\u044e\u0447", "hunter2\nX: y", "\udcff"])
def test_a_key_that_no_header_holds_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("KEY", key)
    with pytest.raises(EndpointError, match="KEY: holds line breaks") as caught:
        key_header("KEY")
    assert key not in str(caught.value) and "hunter2" not in str(caught.value)
    monkeypatch.setenv("KEY", "sk-1 +/=~")
    assert key_header("KEY") == {"Authorization": "Bearer sk-1 +/=~"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTP_PROXY", "foo://u:hunter2@x"), ("ALL_PROXY", "h:abc"), ("SSL_CERT_FILE", "/nowhere/ca.pem")],
)
def test_proxies_and_certificates_that_cannot_be_used_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with server(answered(b"{}")) as url, pytest.raises(EndpointError, match=f"this environment.*{variable}") as caught:
        client(url).post({}, "look")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0), ("-5", 0.0), ("nan", 0.0), ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0), ("", None), ("soon", None),
        ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None),
    ],
)  # fmt: skip
def test_a_stated_wait_is_seconds_or_nothing(text: str, seconds: float | None) -> None:
    assert retry_after(text) == seconds


@pytest.mark.parametrize("count", [-1, float("nan"), float("inf"), 10**30])
def test_a_count_that_is_none_is_refused(count: float) -> None:
    with pytest.raises(ValueError, match=r"usage\.prompt_tokens is no count"):
        token_counts({"prompt_tokens": count})
    assert token_counts({"prompt_tokens": 3, "completion_tokens": None}) == (3, 0)
    assert token_counts(None) == (0, 0)


def test_a_job_runs_to_its_end_beside_a_loop_as_in_a_notebook() -> None:
    async def job() -> int:
        await asyncio.sleep(0)
        return 7

    async def cell() -> int:
        return run_to_end(job())

    assert run_to_end(job()) == asyncio.run(cell()) == 7
