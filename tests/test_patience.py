"""Clients of the pages that do not say what they want are dropped; slow ones that do are served."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from synthdata.dashboard.patience import PatientProtocol


class Hasty(PatientProtocol):
    seconds = 1.0


async def app(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(app, http=Hasty, lifespan="off", log_level="error", timeout_keep_alive=30)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        server.should_exit = True
        thread.join(20)


def ends(client: socket.socket, seconds: float) -> bool:
    """Whether the other side closes the connection in that time."""
    client.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        try:
            while client.recv(4096):
                pass
        except TimeoutError:
            return False
    return True


def connected(port: int, first: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(first)
    return client


POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n", POST + b"ab"])
def test_a_request_that_does_not_end_is_dropped(port, said):
    with connected(port, said) as client:
        assert ends(client, 20)


def test_one_that_drips_in_is_dropped_too(port):
    with connected(port, b"GET / HTTP/1.1\r\n") as client:
        began = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):
            while time.monotonic() - began < 20:
                client.sendall(b"X-a: b\r\n")
                time.sleep(0.05)


def answer(client, end):
    """What comes until the body has come, in as many pieces as it takes."""
    received = b""
    while not received.endswith(end):
        part = client.recv(4096)
        assert part, received
        received += part
    return received


def test_a_slow_client_that_ends_in_time_and_one_that_waits_between_requests_are_served(port):
    with connected(port, POST[:30]) as client:
        time.sleep(0.3)
        client.sendall(POST[30:] + b"abc")
        time.sleep(0.2)
        client.sendall(b"def")
        client.settimeout(20)
        assert b"200 OK" in answer(client, b"abcdef")
        # An idle connection is not one that keeps a request open.
        time.sleep(1.5)
        client.sendall(POST + b"second")
        assert b"200 OK" in answer(client, b"second")
