"""How busy the endpoint client keeps a mock endpoint of fixed latency at its concurrency limit; the bar is 95 %.

The endpoint is a process of its own, so that its work does not slow the client, and it says itself how long it was
busy: the sum over its slots of the seconds in which a request was being answered.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

from report import conditions, table, write_section

from synthdata.generation import make_generator
from synthdata.generation.openai_http import OpenAIGenerator
from synthdata.protocols import Generator, Message, Request
from synthdata.settings import RuntimeSettings, Settings

LATENCY, CONCURRENCY, REQUESTS = 0.2, 8, 400
BAR = 0.95
ANSWER = json.dumps({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}).encode()


@dataclass
class Load:
    """Seconds in which requests were being answered, summed over requests, and the times of the first and last."""

    busy: float = 0.0
    first: float = 0.0
    last: float = 0.0


def serve(pipe: Connection) -> None:
    """The endpoint's process: tells its port, and on each message its load since the last one."""
    lock, load = threading.Lock(), Load()

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together; apart, the second waits 40 ms for the first one's acknowledgement.
        wbufsize = -1
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            start = time.perf_counter()
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(LATENCY)
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)
            end = time.perf_counter()
            with lock:
                load.busy += end - start
                load.first = load.first or start
                load.last = end

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_port)
    while pipe.recv():
        with lock:
            pipe.send((load.busy, load.first, load.last))
            load.busy = load.first = load.last = 0.0


def measure(model: Generator, pipe: Connection) -> tuple[float, float]:
    """Seconds of a whole call, and the share of the endpoint's slots that were busy between first and last answer."""
    requests = [Request((Message("user", f"question {i}"),)) for i in range(REQUESTS)]
    start = time.perf_counter()
    answers = model.generate(requests)
    wall = time.perf_counter() - start
    failed = sum(bool(answer.error) for answer in answers)
    if failed or len(answers) != REQUESTS:
        raise SystemExit(f"{failed} of {REQUESTS} requests failed")
    pipe.send(True)
    busy, first, last = pipe.recv()
    return wall, busy / (CONCURRENCY * (last - first))


def main() -> None:
    """Measure the bare client and the client behind the cache, print, and write the section."""
    told = conditions()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    url = f"http://127.0.0.1:{ours.recv()}/v1"
    named = {
        "recipe": {"generation": {"generator": "openai_http", "model": "mock"}},
        "runtime": {"endpoint": url, "concurrency": CONCURRENCY},
    }
    settings = RuntimeSettings(endpoint=url, concurrency=CONCURRENCY)
    with tempfile.TemporaryDirectory() as folder:
        models: dict[str, Generator] = {
            "client": OpenAIGenerator("mock", settings),
            "client behind the cache": make_generator(Settings.from_dict(named), folder),
        }
        ideal = REQUESTS * LATENCY / CONCURRENCY
        rows = []
        for name, model in models.items():
            wall, busy = measure(model, ours)
            rows.append((name, wall, ideal / wall, busy))
    ours.send(False)
    body = (
        f"{told} {REQUESTS} requests, {CONCURRENCY} at a time, {LATENCY} s each: {ideal:g} s if no slot ever waits. "
        f"The bar is {BAR:g} in the last column.\n\n"
        + table(["what", "seconds", "ideal seconds / seconds", "busy share of the endpoint's slots"], rows)
    )
    print(body)
    write_section("client", "Endpoint client", body)


if __name__ == "__main__":
    main()
