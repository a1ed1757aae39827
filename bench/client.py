"""How busy the endpoint client keeps a mock endpoint of fixed latency at its concurrency limit; the bar is 95 %."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from synthdata.generation.openai_http import OpenAIGenerator
from synthdata.protocols import Message, Request
from synthdata.settings import RuntimeSettings

LATENCY, CONCURRENCY, REQUESTS = 0.2, 8, 240
ANSWER = json.dumps({"choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}).encode()


class Endpoint(BaseHTTPRequestHandler):
    """Answers every request after the fixed latency, over kept connections."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Wait, then answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(LATENCY)
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Measure once and print."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    model = OpenAIGenerator("mock", RuntimeSettings(endpoint=url, concurrency=CONCURRENCY))
    requests = [Request((Message("user", f"question {i}"),)) for i in range(REQUESTS)]
    start = time.perf_counter()
    answers = model.generate(requests)
    wall = time.perf_counter() - start
    server.shutdown()
    failed = sum(bool(answer.error) for answer in answers)
    busy = REQUESTS * LATENCY / (CONCURRENCY * wall)
    print(f"{REQUESTS} requests, {failed} failed, {CONCURRENCY} at a time of {LATENCY} s")
    print(f"{wall:.2f} s, endpoint busy {busy:.1%}")


if __name__ == "__main__":
    main()
